"""The loss of a process reward model: weighted cross-entropy at labelled steps. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.functional import cross_entropy


def step_loss_sum(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Sum of ``weight * cross-entropy`` over labelled steps, a scalar in float32.

    ``logits`` (T, 2), ``labels`` (T,) 0 or 1, ``weights`` (T,).
    """
    return (weights * cross_entropy(logits.float(), labels, reduction="none")).sum()


def class_weights(labels: Sequence[int]) -> tuple[float, float]:
    """Weights of the labels 0 and 1 that give both classes the same total, with a mean of 1 over ``labels``.

    Labels of one class only get the weight 1.

    >>> class_weights([0, 1, 1, 1])
    (2.0, 0.6666666666666666)
    """
    chosen = sum(labels)
    rejected = len(labels) - chosen
    if not rejected or not chosen:
        return 1.0, 1.0
    return len(labels) / (2 * rejected), len(labels) / (2 * chosen)
