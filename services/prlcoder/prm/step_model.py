"""One loaded reward model: from items to token positions, from tokens to the log-odds of each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForTokenClassification

from prlcoder.errors import InputError
from prlcoder.modeling.checkpoints import on_best_device, pretrained, template_name
from prlcoder.modeling.packing.rows import token_batch
from prlcoder.modeling.spans import encode, segment_end_token
from prlcoder.prm.items import ProgramToScore, StepScore, TooLongError, check

CHOSEN = 1  # index of the class "chosen"; class 0 is "rejected"
# Tokens a pass, padding included. A CPU's caches hold no more: 16,384 were measured to take twice the CPU time of 1,024
# with models of 1 to 20 million parameters.
BATCH_TOKENS = {"cpu": 1024, "cuda": 16384}


@dataclass(frozen=True)
class Tokenised:
    """A tokenised item, cut after its last scored token: ``places[i]`` is the token that holds step i's score."""

    item: ProgramToScore
    ids: list[int]
    places: list[int]


class StepModel:
    """A two-label token classifier in memory, with its tokenizer and the name of its prompt template."""

    def __init__(self, path: str, model: Any, tokenizer: Any) -> None:
        self.path = path
        self.tokenizer = tokenizer
        self.model = model
        self.pad: int = tokenizer.pad_token_id or 0
        self.max_length: int = model.config.get_text_config().max_position_embeddings
        self.batch_tokens = BATCH_TOKENS[model.device.type]
        self.template = template_name(path, tokenizer)

    @classmethod
    def load(cls, path: str) -> StepModel:
        """A folder or hub id. ``InputError`` if it cannot be loaded or is not a two-label token classifier: a model
        with another head would be given a random one, and its scores would mean nothing."""
        model, tokenizer, missing = pretrained(AutoModelForTokenClassification, path)
        if model.config.num_labels != 2 or missing:
            raise InputError(
                f"model {path}: is not a process reward model (a token classifier with the labels rejected, chosen); "
                "give one, such as the folder `reward` of a run"
            )
        return cls(path, on_best_device(model), tokenizer)

    def tokenise(self, item: ProgramToScore) -> Tokenised:
        """``ItemError`` for steps outside the program, its kind ``TooLongError`` for a program beyond the context."""
        check(item)
        encoded = encode(self.tokenizer, item.prompt.whole(item.program))
        start = item.prompt.program_start
        places = [segment_end_token(encoded, start, item.program, step.end) for step in item.steps]
        ids = encoded.ids[: max(places, default=-1) + 1]
        if len(ids) > self.max_length:
            raise TooLongError(len(ids), self.max_length)
        return Tokenised(item, ids, places)

    @torch.inference_mode()
    def odds(self, rows: Sequence[Tokenised]) -> list[list[float]]:
        """Log-odds of "chosen" at each row's places; all rows in one pass, padded to the longest."""
        inputs = token_batch([row.ids for row in rows], self.pad)
        logits = self.model(**{name: tensor.to(self.model.device) for name, tensor in inputs.items()}, use_cache=False)
        chosen = log_odds(logits.logits)
        return [chosen[number, row.places].tolist() for number, row in enumerate(rows)]


def log_odds(logits: torch.Tensor) -> torch.Tensor:
    """``(rows, tokens, 2)`` logits as ``(rows, tokens)`` log-odds of "chosen"."""
    return (logits[..., CHOSEN].float() - logits[..., 1 - CHOSEN].float()).cpu()


def step_scores(item: ProgramToScore, odds: Sequence[float]) -> list[StepScore]:
    """One score a step of the item."""
    chances = torch.sigmoid(torch.tensor(odds)).tolist()
    return [
        StepScore(step.start, step.end, chance, logit)
        for step, chance, logit in zip(item.steps, chances, odds, strict=True)
    ]
