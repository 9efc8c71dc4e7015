"""Preference pairs as tokens: the data set, and the collator that packs pairs into batches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import torch

from prlcoder.errors import WorkError
from prlcoder.modeling.packing.rows import Packing
from prlcoder.modeling.packing.tree_attention import tree_arguments
from prlcoder.modeling.spans import Tokenizer, pair_spans
from prlcoder.spec import Dpo
from prlcoder.telemetry.progress import Progress
from prlcoder.training.losses.averaging import Weighting, loss_denominator_ids, pair_weights
from prlcoder.training.losses.log_probabilities import in_full, token_logps

if TYPE_CHECKING:
    from datasets import Dataset

    from prlcoder.problems.prompts import Prompt

# of the table ``pairs``
COLUMNS = ("problem_id", "prefix", "chosen", "rejected", "rest", "rejected_origin")
NO_SPAN = -1  # span id of a token that belongs to no span


def pair_dataset(
    tokenizer: Tokenizer,
    prompts: Mapping[str, Prompt],
    rows: Iterable[Mapping[str, Any]],
    settings: Dpo,
    *,
    max_length: int,
) -> tuple[Dataset, int]:
    """The pairs whose rejected step has one of ``settings.origins``, and the number of pairs that are too long.

    The columns are those of ``weighted``. A program's weight is shared among those of its pairs that are kept.
    ``WorkError`` if no pair is kept.
    """
    found = tokenised_pairs(tokenizer, prompts, (row for row in rows if row["rejected_origin"] in settings.origins))
    kept = found.within(max_length)
    if not kept.programs:
        raise WorkError(
            f"policy: none of {len(found.programs)} pairs with a rejected step of {', '.join(settings.origins)} fits "
            f"model.maxLength {max_length}; add a teacher that makes such pairs, or change policy.dpo.origins"
        )
    dropped = len(found.programs) - len(kept.programs)
    if dropped:
        total = len(found.programs)
        print(f"{dropped} of {total} examples are longer than {max_length} tokens; left out", file=sys.stderr)
    return weighted(kept.dataset(), kept.programs, settings.weighting), dropped


@dataclass(frozen=True)
class TokenisedPairs:
    """Pairs as tokens. ``examples`` have the fields of ``PairSpans`` and ``length``; ``programs`` are problem ids."""

    examples: list[dict[str, Any]]
    programs: list[str]
    same_tokens: int  # number of pairs whose two programs are the same tokens, which are left out

    def within(self, max_length: int) -> TokenisedPairs:
        """The pairs of at most ``max_length`` tokens."""
        kept = [number for number, example in enumerate(self.examples) if example["length"] <= max_length]
        examples = [self.examples[number] for number in kept]
        return TokenisedPairs(examples, [self.programs[number] for number in kept], self.same_tokens)

    def dataset(self) -> Dataset:
        """The examples as a data set, without weights."""
        from datasets import Dataset

        return Dataset.from_list(self.examples)


def tokenised_pairs(
    tokenizer: Tokenizer, prompts: Mapping[str, Prompt], rows: Iterable[Mapping[str, Any]]
) -> TokenisedPairs:
    """The pairs of the rows, in order."""
    examples: list[dict[str, Any]] = []
    programs: list[str] = []
    same = 0
    with Progress("tokenise", total=None, unit="pairs", final=False) as progress:
        for row in rows:
            texts = {name: row[name] for name in ("prefix", "chosen", "rejected", "rest")}
            spans = pair_spans(tokenizer, prompts[row["problem_id"]], **texts)
            if spans is None:
                same += 1
                continue
            examples.append({**asdict(spans), "length": max(len(spans.chosen), len(spans.rejected))})
            programs.append(row["problem_id"])
            progress.advance(tokens=len(spans.chosen) + len(spans.rejected))
    return TokenisedPairs(examples, programs, same)


def weighted(pairs: Dataset, programs: Sequence[str], weighting: Weighting) -> Dataset:
    """The pairs with the columns ``weight`` and ``loss_denominator_id`` (see ``losses/averaging.py``) in place of those
    that they may have. ``programs`` are the problem ids of the pairs."""
    given = [name for name in ("weight", "loss_denominator_id") if name in pairs.column_names]
    pairs = pairs.remove_columns(given).add_column("weight", pair_weights(programs, weighting))
    return pairs.add_column("loss_denominator_id", loss_denominator_ids(programs, weighting))


class PairBatch(TypedDict):
    """B pairs as 2B token sequences in R rows of length L, or as tries (see ``PairTrieCollator``). Sequence n < B is
    the chosen side of pair n, sequence B + n its rejected side. Logits are computed at K of the L columns only: those
    that predict a token of some span."""

    input_ids: torch.Tensor  # (R, L)
    position_ids: torch.Tensor  # (R, L), starting again at 0 with each sequence of a row
    use_cache: bool  # always False: a cache would make transformers attend across the sequences of a row
    logits_to_keep: torch.Tensor  # (K,) columns of input_ids
    targets: torch.Tensor  # (R, K) the tokens that those columns predict
    completion_span: torch.Tensor  # (R, K) the sequence whose compared tokens hold the target; -1 if it is in none
    segment_span: torch.Tensor  # (R, K) the pair whose chosen segment holds the target; -1 if it is in none
    segment_tokens: torch.Tensor  # (B,) number of tokens of the chosen segment
    loss_denominator_ids: torch.Tensor  # (B,)
    weight: NotRequired[torch.Tensor]  # (B,)
    ref_chosen_logps: NotRequired[torch.Tensor]  # (B,) under the reference; after ``add_reference_logps``
    ref_rejected_logps: NotRequired[torch.Tensor]  # (B,)
    ends: NotRequired[torch.Tensor]  # (R, L) only where rows are tries: the column after a node's last descendant
    sources: NotRequired[torch.Tensor]  # (K,) only where rows are tries: the flat position that predicts each target


PairCollating = Callable[[Sequence[Mapping[str, Any]]], PairBatch]
"""``PairCollator`` or ``PairTrieCollator``."""


class PairCollator:
    """Collates preference pairs into one ``PairBatch``, several sequences per row if ``together`` is set.

    The chosen side and the rejected side of a pair share their first ``start`` tokens. The compared tokens, whose
    log-probabilities DPO contrasts, begin at ``start``; the chosen segment, whose likelihood a control raises, begins
    at ``segment_start``, at or before it. The tests explain each of these rows.

    >>> collate = PairCollator(pad=0, together=True)
    >>> pair = {"chosen": [1, 2, 3, 4], "rejected": [1, 2, 5], "start": 2, "segment_start": 2, "loss_denominator_id": 0}
    >>> for name, value in collate([pair]).items():
    ...     print(name, value.tolist() if torch.is_tensor(value) else value)
    input_ids [[1, 2, 3, 4], [1, 2, 5, 0]]
    position_ids [[0, 1, 2, 3], [0, 1, 2, 0]]
    use_cache False
    logits_to_keep [1, 2]
    targets [[3, 4], [5, 0]]
    completion_span [[0, 0], [1, -1]]
    segment_span [[0, 0], [-1, -1]]
    segment_tokens [2]
    loss_denominator_ids [0]
    """

    def __init__(self, pad: int, *, together: bool) -> None:
        self._pad, self._together = pad, together

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> PairBatch:
        sequences = [example[side] for side in ("chosen", "rejected") for example in examples]
        packing = Packing.first_fit(list(map(len, sequences)), enabled=self._together)
        inputs = packing.inputs(sequences, self._pad)
        pairs = len(examples)
        compared = [_span_ids(ids, examples[n % pairs]["start"], n) for n, ids in enumerate(sequences)]
        chosen = [_span_ids(ids, examples[n]["segment_start"], n) for n, ids in enumerate(sequences[:pairs])]
        rejected = [[NO_SPAN] * len(ids) for ids in sequences[pairs:]]
        completion_span = packing.tensor(compared, NO_SPAN)
        segment_span = packing.tensor([*chosen, *rejected], NO_SPAN)
        # The logits of a column predict the token of the next one. No span holds a sequence's first token, so that
        # column - 1 belongs to the same sequence.
        kept = ((completion_span >= 0) | (segment_span >= 0)).any(0).nonzero()[:, 0] - 1
        batch: PairBatch = {
            "input_ids": inputs["input_ids"],
            "position_ids": inputs["position_ids"],
            "use_cache": inputs["use_cache"],
            "logits_to_keep": kept,
            "targets": inputs["input_ids"][:, kept + 1],
            "completion_span": completion_span[:, kept + 1],
            "segment_span": segment_span[:, kept + 1],
            "segment_tokens": torch.tensor([span.count(n) for n, span in enumerate(chosen)]),
            "loss_denominator_ids": torch.tensor([example["loss_denominator_id"] for example in examples]),
        }
        return add_columns(batch, examples)


def add_columns(batch: PairBatch, examples: Sequence[Mapping[str, Any]]) -> PairBatch:
    """The batch with the numbers that the examples have per pair."""
    for name in ("weight", "ref_chosen_logps", "ref_rejected_logps"):
        if name in examples[0]:
            batch[name] = torch.tensor([example[name] for example in examples])
    return batch


def _span_ids(ids: Sequence[int], start: int, span: int) -> list[int]:
    """``span`` at every token from ``start`` on; never at the first token of a sequence, which nothing predicts."""
    start = max(start, 1)
    return [NO_SPAN] * start + [span] * (len(ids) - start)


def target_logps(model: Any, batch: PairBatch) -> torch.Tensor:
    """The log-probabilities of ``batch["targets"]``, ``(R, K)``; ``(1, K)`` if the rows are tries. At least float32.

    In a trie, one row of logits predicts several targets. It is normalised once, and no row is copied per target.
    """
    if "sources" not in batch:
        logits = model(
            input_ids=batch["input_ids"],
            position_ids=batch["position_ids"],
            use_cache=batch["use_cache"],
            logits_to_keep=batch["logits_to_keep"],
        ).logits
        return token_logps(logits, batch["targets"])
    whole = getattr(model, "module", model)  # the model inside DistributedDataParallel
    arguments = tree_arguments(whole, batch["input_ids"], batch["position_ids"], batch["ends"])
    columns, sources = batch["logits_to_keep"], batch["sources"]
    scores = in_full(model(**arguments, logits_to_keep=columns).logits)
    width = batch["input_ids"].shape[1]
    rows, places = sources // width, torch.searchsorted(columns, sources % width)
    return (scores[rows, places, batch["targets"][0]] - scores.logsumexp(-1)[rows, places])[None]
