"""Step-level preference losses as pure functions of log-probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import logsigmoid

if TYPE_CHECKING:
    from prlcoder.training.examples.pairs import PairBatch


def span_logps(logits: torch.Tensor, targets: torch.Tensor, span_ids: torch.Tensor, spans: int) -> torch.Tensor:
    """Sum of ``log p(token | tokens before it)`` over the tokens of each span, ``(spans,)``, at least in float32.

    ``logits`` ``(R, K, V)`` predict ``targets`` ``(R, K)``. ``span_ids`` ``(R, K)`` holds the number of the span that a
    target belongs to; a negative number means that it belongs to none.
    """
    # Half precision has too few digits for a sum over hundreds of log-probabilities.
    scores = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
    logps = scores.gather(-1, targets[..., None])[..., 0] - scores.logsumexp(-1)
    counted = span_ids >= 0
    return logps.new_zeros(spans).index_add(0, span_ids[counted], logps[counted])


def pair_logps(logits: torch.Tensor, batch: PairBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities of the compared tokens of the chosen and of the rejected sides, ``(B,)`` each.

    ``logits`` ``(R, K, V)`` are those of ``examples.pairs.pair_logits``.
    """
    sequences = 2 * len(batch["loss_denominator_ids"])
    logps = span_logps(logits, batch["targets"], batch["completion_span"], sequences)
    chosen_logps, rejected_logps = logps.chunk(2)  # the chosen sides are numbered first
    return chosen_logps, rejected_logps


def chosen_segment_nll(logits: torch.Tensor, batch: PairBatch) -> torch.Tensor:
    """Negative log-likelihood of each pair's whole chosen segment, ``(B,)``: the mean over the segment's tokens, so
    that long segments do not dominate."""
    pairs = len(batch["loss_denominator_ids"])
    return -span_logps(logits, batch["targets"], batch["segment_span"], pairs) / batch["segment_tokens"]


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
