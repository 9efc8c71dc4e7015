"""Preference pairs as tokens, with the weights and groups by which their losses are averaged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch

from prlcoder.errors import WorkError
from prlcoder.modeling.packing.rows import Packing
from prlcoder.modeling.spans import Tokenizer, pair_spans
from prlcoder.spec import Dpo
from prlcoder.training.examples import dataset
from prlcoder.training.losses.preference import groups, pair_weights

if TYPE_CHECKING:
    from datasets import Dataset

    from prlcoder.problems.prompts import Prompt

COLUMNS = ("problem_id", "prefix", "chosen", "rejected", "rest", "rejected_origin")


def pair_dataset(
    tokenizer: Tokenizer,
    prompts: Mapping[str, Prompt],
    rows: Iterable[Mapping[str, Any]],
    settings: Dpo,
    *,
    max_length: int,
) -> tuple[Dataset, int]:
    """The pairs whose rejected step is of one of ``settings.origins``, and the number of those too long.

    Columns: those of ``PairSpans``, and ``weight`` and ``group`` (see ``losses``). Weights count the pairs that are
    kept. ``WorkError`` if none is.
    """
    examples: list[dict[str, Any]] = []
    lengths: list[int] = []
    programs: list[str] = []
    for row in rows:
        if row["rejected_origin"] not in settings.origins:
            continue
        spans = pair_spans(
            tokenizer,
            prompts[row["problem_id"]],
            prefix=row["prefix"],
            chosen=row["chosen"],
            rejected=row["rejected"],
            rest=row["rest"],
        )
        if spans is not None:
            examples.append(asdict(spans))
            lengths.append(max(len(spans.chosen), len(spans.rejected)))
            programs.append(row["problem_id"])
    kept = [program for program, length in zip(programs, lengths, strict=True) if length <= max_length]
    if not kept:
        raise WorkError(
            f"policy: none of {len(examples)} pairs with a rejected step of {', '.join(settings.origins)} fits "
            f"model.maxLength {max_length}; add a teacher that makes such pairs, or change policy.dpo.origins"
        )
    pairs, dropped = dataset(examples, lengths=lengths, max_length=max_length)
    pairs = pairs.add_column("weight", pair_weights(kept, settings.weighting))
    return pairs.add_column("group", groups(kept, settings.weighting)), dropped


NONE = -1  # the owner of a token that belongs to no span


class PairCollator:
    """B pairs as one batch of 2B sequences, numbered the chosen ones first; packed several to a row if ``together``.

    Only the tokens that a loss may need are asked for: ``logits_to_keep`` ``(K,)`` are columns of ``input_ids``, and
    ``targets`` ``(R, K)`` the tokens behind them. ``compared`` ``(R, K)`` numbers the sequence of which a target is a
    compared token, ``segment`` the pair of whose chosen segment it is one; -1 for neither. ``segment_tokens``,
    ``weight``, ``group`` and the reference's log-probabilities are ``(B,)``.
    """

    def __init__(self, pad: int, *, together: bool) -> None:
        self._pad, self._together = pad, together

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        sequences = [example[side] for side in ("chosen", "rejected") for example in examples]
        packing = Packing.of(list(map(len, sequences)), together=self._together)
        batch = packing.inputs(sequences, self._pad)
        pairs = len(examples)
        owners = [_owned(ids, examples[n % pairs]["start"], n) for n, ids in enumerate(sequences)]
        chosen = [_owned(ids, examples[n]["segment_start"], n) for n, ids in enumerate(sequences[:pairs])]
        compared = packing.tensor(owners, NONE)
        segment = packing.tensor([*chosen, *([NONE] * len(ids) for ids in sequences[pairs:])], NONE)
        kept = ((compared >= 0) | (segment >= 0)).any(0).nonzero()[:, 0] - 1
        batch |= {
            "logits_to_keep": kept,
            "targets": batch["input_ids"][:, kept + 1],
            "compared": compared[:, kept + 1],
            "segment": segment[:, kept + 1],
            "segment_tokens": torch.tensor([span.count(n) for n, span in enumerate(chosen)]),
            "group": torch.tensor([example["group"] for example in examples]),
        }
        for name in ("weight", "reference_chosen", "reference_rejected"):
            if name in examples[0]:
                batch[name] = torch.tensor([example[name] for example in examples])
        return batch


def _owned(ids: Sequence[int], start: int, owner: int) -> list[int]:
    """``owner`` at every token from ``start`` on; nothing predicts the first token of a sequence."""
    start = max(start, 1)
    return [NONE] * start + [owner] * (len(ids) - start)
