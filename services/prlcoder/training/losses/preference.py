"""Step-level preference losses as pure functions of log-probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import logsigmoid

from prlcoder.training.losses.log_probabilities import span_sums

if TYPE_CHECKING:
    from prlcoder.training.examples.pairs import PairBatch


def pair_logps(logps: torch.Tensor, batch: PairBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities of the compared tokens of the chosen and of the rejected sides, ``(B,)`` each.

    ``logps`` ``(R, K)`` are those of ``examples.pairs.target_logps``.
    """
    sequences = 2 * len(batch["loss_denominator_ids"])
    sides = span_sums(logps, batch["completion_span"], sequences)
    chosen_logps, rejected_logps = sides.chunk(2)  # the chosen sides are numbered first
    return chosen_logps, rejected_logps


def chosen_segment_nll(logps: torch.Tensor, batch: PairBatch) -> torch.Tensor:
    """Negative log-likelihood of each pair's whole chosen segment, ``(B,)``: the mean over the segment's tokens, so
    that long segments do not dominate."""
    pairs = len(batch["loss_denominator_ids"])
    return -span_sums(logps, batch["segment_span"], pairs) / batch["segment_tokens"]


def reward_margins(
    policy_chosen_logps: torch.Tensor,
    policy_rejected_logps: torch.Tensor,
    ref_chosen_logps: torch.Tensor,
    ref_rejected_logps: torch.Tensor,
    *,
    beta: float,
) -> torch.Tensor:
    """Implicit reward of the chosen minus that of the rejected step, ``(B,)``: the argument of the sigmoid in
    `DPO, eq. 7 <https://arxiv.org/abs/2305.18290>`_. All four arguments are ``(B,)``."""
    chosen_logratios = policy_chosen_logps - ref_chosen_logps
    rejected_logratios = policy_rejected_logps - ref_rejected_logps
    return beta * (chosen_logratios - rejected_logratios)


def dpo_loss(margins: torch.Tensor) -> torch.Tensor:
    """DPO loss per pair, ``-log sigmoid(margin)``, ``(B,)``: `eq. 7 <https://arxiv.org/abs/2305.18290>`_. The paper's
    Algorithm 2, line 6, writes the same with the opposite sign."""
    return -logsigmoid(margins)
