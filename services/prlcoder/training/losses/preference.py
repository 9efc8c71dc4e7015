"""Losses of step-level preference optimisation as pure functions of log-probabilities, and how they are averaged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import torch
from torch.nn.functional import logsigmoid


def span_log_probs(logits: torch.Tensor, targets: torch.Tensor, owners: torch.Tensor, spans: int) -> torch.Tensor:
    """Sum over each span's tokens of log p(token | tokens before it), ``(spans,)``, in float32 at least.

    ``logits`` ``(R, K, V)`` predict ``targets`` ``(R, K)``, each of which belongs to the span ``owners`` ``(R, K)``, or
    to none where that is negative.
    """
    scores = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
    logs = scores.gather(-1, targets[..., None])[..., 0] - scores.logsumexp(-1)
    counted = owners >= 0
    return logs.new_zeros(spans).index_add(0, owners[counted], logs[counted])


def reward_margins(
    chosen: torch.Tensor,
    rejected: torch.Tensor,
    reference_chosen: torch.Tensor,
    reference_rejected: torch.Tensor,
    *,
    beta: float,
) -> torch.Tensor:
    """beta times (log-ratio of the chosen - log-ratio of the rejected segment) against the reference, ``(B,)``."""
    return beta * ((chosen - reference_chosen) - (rejected - reference_rejected))


def dpo_loss(margins: torch.Tensor) -> torch.Tensor:
    """-log sigmoid(margin) of each pair, ``(B,)`` (the paper's Algorithm 2, line 6, with its sign turned)."""
    return -logsigmoid(margins)


def pair_weights(programs: Sequence[str], weighting: Literal["program", "pair"]) -> list[float]:
    """The fixed weight of each pair given the program that it belongs to: 1/k for one of k pairs, or 1."""
    counts = Counter(programs)
    return [1.0 / counts[program] if weighting == "program" else 1.0 for program in programs]


def groups(programs: Sequence[str], weighting: Literal["program", "pair"]) -> list[int]:
    """What an optimiser step's loss is divided by is the number of distinct groups in it: programs, or pairs."""
    if weighting == "pair":
        return list(range(len(programs)))
    numbers = {program: number for number, program in enumerate(dict.fromkeys(programs))}
    return [numbers[program] for program in programs]
