"""One loaded reward model: from items to token positions, from tokens to the log-odds of each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from prlcoder.errors import InputError
from prlcoder.modeling.adapters import AdapterFolder, base_config
from prlcoder.modeling.checkpoints import load_weights, model_template, on_best_device
from prlcoder.modeling.configs import context_length
from prlcoder.modeling.packing.rows import token_batch
from prlcoder.modeling.packing.tree import TreeBatch, Trie, split_by_similarity
from prlcoder.modeling.packing.tree_attention import reads_tries, tree_inputs
from prlcoder.modeling.reward_record import RewardRecord
from prlcoder.modeling.spans import encode, segment_end_token
from prlcoder.modeling.token_classifier import chosen_label, classifier_class, has_own_class
from prlcoder.modeling.tokenizer_check import check_tokenizer
from prlcoder.modeling.tokenizer_loading import load_tokenizer
from prlcoder.prm.items import ProgramToScore, StepScore, TooLongError, check

# Tokens per pass, including padding. More do not fit into the caches of a CPU: with models of 1 to 20 million
# parameters, 16,384 tokens per pass were measured to take twice the CPU time of 1,024.
BATCH_TOKENS = {"cpu": 1024, "cuda": 16384}
MIN_SAVED = 0.3  # a smaller share does not pay for building the mask


@dataclass(frozen=True)
class Tokenised:
    """A tokenised item, cut after its last scored token. Step ``i`` is scored at token ``score_positions[i]``."""

    item: ProgramToScore
    ids: list[int]
    score_positions: list[int]


class StepModel:
    """A two-label token classifier in memory, with its tokenizer and its prompt template."""

    def __init__(self, path: str, model: Any, tokenizer: Any) -> None:
        self.path = path
        self.tokenizer = tokenizer
        self.model = model
        self.pad: int = tokenizer.pad_token_id or 0
        self.max_length = context_length(model.config, tokenizer)
        self.chosen = chosen_label(model.config, path)
        self.batch_tokens = BATCH_TOKENS[model.device.type]
        self.template = model_template(path, tokenizer)
        self.record = RewardRecord.of(path)

    @classmethod
    def load(cls, path: str) -> StepModel:
        """Load a folder or hub id.

        Raises ``InputError`` if it cannot be loaded or is not a token classifier with two labels. ``transformers``
        would give any other model a random head, and its scores would mean nothing.
        """
        config = base_config(path)
        if AdapterFolder.at(path) is None:  # the labels of an adapter are beside it, and not in its base
            chosen_label(config, path)
        tokenizer = load_tokenizer(path)
        check_tokenizer(path, config, tokenizer)
        kind = classifier_class(config)
        # A class made here would read a configuration of its family's largest member (Gemma 3's reads images too).
        own = {} if has_own_class(config) else {"config": config}
        model, missing = load_weights(kind, path, dtype="auto", **own)
        if model.config.num_labels != 2 or missing:
            raise InputError(
                f"model {path}: is not a reward model (a token classifier with the labels rejected, chosen); "
                "give one, such as the folder `reward` of a run"
            )
        return cls(path, on_best_device(model), tokenizer)

    def tokenise(self, item: ProgramToScore) -> Tokenised:
        """Tokens and score positions of one item.

        Raises ``ItemError`` for steps outside the program and ``TooLongError`` for a program beyond the context.
        """
        check(item)
        encoded = encode(self.tokenizer, item.prompt.input(item.program))
        start = item.prompt.program_start
        positions = [segment_end_token(encoded, start, item.program, step.end) for step in item.steps]
        # The backbone is causal, so tokens behind the last score cannot change one and need not be read.
        ids = encoded.ids[: max(positions, default=-1) + 1]
        if len(ids) > self.max_length:
            raise TooLongError(len(ids), self.max_length)
        return Tokenised(item, ids, positions)

    @torch.inference_mode()
    def odds(self, rows: Sequence[Tokenised]) -> list[list[float]]:
        """Log-odds of "chosen" at the score positions of each row; all rows in one pass.

        Rows that share prefixes, such as a growing program, are merged into tries if that saves tokens. Otherwise they
        are padded to the longest.
        """
        groups = self._sharing(rows)
        if groups is not None:
            odds: list[list[float]] = [[] for _ in rows]
            found = self.odds_in_tries([[rows[number] for number in group] for group in groups])
            for group, members in zip(groups, found, strict=True):
                for number, one in zip(group, members, strict=True):
                    odds[number] = one
            return odds
        inputs = token_batch([row.ids for row in rows], self.pad)
        logits = self.model(**{name: tensor.to(self.model.device) for name, tensor in inputs.items()}, use_cache=False)
        chosen = log_odds(logits.logits, self.chosen)
        return [chosen[number, row.score_positions].tolist() for number, row in enumerate(rows)]

    def _sharing(self, rows: Sequence[Tokenised]) -> list[list[int]] | None:
        """The numbers of the rows, trie by trie; None if tries would save less than ``MIN_SAVED`` of the tokens."""
        if len(rows) < 2 or not self.reads_tries:
            return None
        groups = split_by_similarity([row.ids for row in rows])
        nodes = sum(len(Trie.of([rows[number].ids for number in group])) for group in groups)
        padded = len(rows) * max(len(row.ids) for row in rows)
        return groups if nodes < (1 - MIN_SAVED) * padded else None

    @torch.inference_mode()
    def odds_in_tries(self, groups: Sequence[Sequence[Tokenised]]) -> list[list[list[float]]]:
        """Log-odds for several groups of rows, in one pass. The rows of a group share their prefixes as a trie."""
        tries = [Trie.of([row.ids for row in group]) for group in groups]
        batch = TreeBatch.of(tries, self.pad)
        chosen = log_odds(self.model(**tree_inputs(self.model, batch)).logits, self.chosen).flatten()
        return [
            [
                chosen[[offset + path[position] for position in row.score_positions]].tolist()
                for row, path in zip(group, trie.paths, strict=True)
            ]
            for group, trie, offset in zip(groups, tries, batch.offsets, strict=True)
        ]

    @cached_property
    def reads_tries(self) -> bool:
        """Whether the model computes the same on tries as on rows, tried with random tokens."""
        draw = torch.Generator().manual_seed(0)
        vocabulary = self.model.config.get_text_config().vocab_size
        trunk = torch.randint(vocabulary, (12,), generator=draw).tolist()
        branches = [[*trunk[:4], *trunk[:length]] for length in (3, 7)]
        return reads_tries(self.model, [trunk, trunk[:9], *branches], what=f"reward model {self.path}")


def log_odds(logits: torch.Tensor, chosen: int) -> torch.Tensor:
    """Turns logits ``(rows, tokens, 2)`` into log-odds of the label ``chosen``, ``(rows, tokens)``, on the CPU."""
    return (logits[..., chosen].float() - logits[..., 1 - chosen].float()).cpu()


def step_scores(item: ProgramToScore, odds: Sequence[float]) -> list[StepScore]:
    """One score per step of the item."""
    chances = torch.sigmoid(torch.tensor(odds)).tolist()
    return [
        StepScore(step.start, step.end, chance, logit)
        for step, chance, logit in zip(item.steps, chances, odds, strict=True)
    ]
