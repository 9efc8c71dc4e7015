"""Masks: which tokens of a rollout are trained. Pure functions, no tensors.

A mask is ``mask(rollout) -> (T,)``, one bool per completion token. The loop multiplies it with the mask of the loss.
"""

from prlcoder.training.masks.executed import executed_mask

__all__ = ["executed_mask"]
