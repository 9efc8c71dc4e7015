"""How losses are averaged over an optimiser step: over all its micro-batches and all ranks at once.

The loss of a step is ``sum(weight * loss) / number of distinct denominator ids``, both taken over the whole step. A
mean per micro-batch or per rank would give a different loss whenever these hold different numbers of programs; with
global totals, packing, gradient accumulation and splitting over processes change nothing
(``docs/reference/contracts.md``, section 6).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import torch

Weighting = Literal["program", "pair"]
PADDING_ID = -1  # fills the ids of a rank that has fewer pairs than another


def pair_weights(programs: Sequence[str], weighting: Weighting) -> list[float]:
    """The fixed weight of each pair, given the program that it belongs to: 1/k for each of a program's k pairs, or 1.

    >>> pair_weights(["a", "b", "a"], "program")
    [0.5, 1.0, 0.5]
    """
    counts = Counter(programs)
    return [1.0 / counts[program] if weighting == "program" else 1.0 for program in programs]


def loss_denominator_ids(programs: Sequence[str], weighting: Weighting) -> list[int]:
    """Pairs with the same id count once when the loss of an optimiser step is averaged: one id per program, or one id
    per pair.

    >>> loss_denominator_ids(["a", "b", "a"], "program")
    [0, 1, 0]
    """
    if weighting == "pair":
        return list(range(len(programs)))
    numbers = {program: number for number, program in enumerate(dict.fromkeys(programs))}
    return [numbers[program] for program in programs]


def global_loss_denominator(ids: Sequence[torch.Tensor], accelerator: Any) -> torch.Tensor:
    """The number of distinct ids in one optimiser step, a scalar. ``ids`` are those of this rank's micro-batches,
    ``(B,)`` each; the other ranks' are gathered."""
    # Ranks may hold different numbers of pairs, and a gather needs equal lengths.
    own = accelerator.pad_across_processes(torch.cat(list(ids)), pad_index=PADDING_ID)
    distinct: torch.Tensor = accelerator.gather(own).unique()
    return (distinct != PADDING_ID).sum()


def share_of_step_loss(total: torch.Tensor, denominator: torch.Tensor | int, ranks: int) -> torch.Tensor:
    """What one micro-batch contributes to the loss of its optimiser step, a scalar: ``total`` is the sum of its
    weighted losses, ``denominator`` the global count.

    DistributedDataParallel averages gradients over the ranks, while the loss is a sum over them; multiplying by their
    number turns one into the other.
    """
    return total * ranks / denominator
