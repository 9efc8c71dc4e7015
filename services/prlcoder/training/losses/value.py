"""The loss of a value model, and how well it explains the returns. Pure functions of tensors.

Shapes: ``B`` rollouts, ``T`` completion tokens. ``mask`` ``(B, T)`` is 1 (or True) at tokens that are trained.
"""

from __future__ import annotations

import torch


def clipped_value_loss(
    values: torch.Tensor, old_values: torch.Tensor, returns: torch.Tensor, clip: float | None
) -> torch.Tensor:
    """Half the squared error per token, ``(B, T)``; the paper's Algorithm 1, line 9, has the squared error.

    With ``clip``, it is the larger of two errors: that of ``values``, and that of ``values`` moved no further than
    ``clip`` from ``old_values``. A step that leaves that range then gains nothing. None is no clipping.
    """
    errors = (values - returns).square()
    if clip is None:
        return 0.5 * errors
    near = torch.maximum(torch.minimum(values, old_values + clip), old_values - clip)
    return 0.5 * torch.maximum(errors, (near - returns).square())


@torch.no_grad()
def explained_variance(values: torch.Tensor, returns: torch.Tensor, mask: torch.Tensor) -> float:
    """``1 - Var(returns - values) / Var(returns)`` over the tokens that count. 1 is a perfect value model, 0 one that
    knows the mean only. NaN if the returns do not vary."""
    counted = mask.bool()
    spread = returns[counted].float().var(unbiased=False)
    if not counted.any() or spread == 0:
        return float("nan")
    return float(1 - (returns[counted] - values[counted]).float().var(unbiased=False) / spread)
