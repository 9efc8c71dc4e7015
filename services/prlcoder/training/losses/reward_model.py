"""The loss of a process reward model: weighted cross-entropy at labelled steps. Pure functions."""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy


def step_loss_sum(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Sum of ``weight * cross-entropy`` over labelled steps, a scalar in float32.

    ``logits`` (T, 2), ``labels`` (T,) 0 or 1, ``weights`` (T,).
    """
    return (weights * cross_entropy(logits.float(), labels, reduction="none")).sum()
