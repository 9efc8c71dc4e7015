"""Stops a training at the first NaN or infinity, in the loss, in a gradient or in a weight.

One such value spreads to every weight within a few steps, and nothing in the trainer's own loop fails because of it.
The training would end normally and publish a destroyed model.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils import get_total_norm
from transformers import TrainerCallback

from prlcoder.errors import WorkError
from prlcoder.training.loop.checkpoints import latest_checkpoint

REMEDY = "lower learningRate, or train without bf16; a larger batchSize or a smaller maxGradNorm also helps"


def all_finite(tensors: Iterable[torch.Tensor]) -> bool:
    """Whether no element is NaN or infinite. One number per tensor is reduced on the device and read once.

    >>> all_finite([torch.ones(2), torch.zeros(2, 2)]), all_finite([torch.ones(2), torch.tensor([math.nan])])
    (True, False)
    """
    # The largest absolute value cannot overflow, unlike a sum of squares, and NaN propagates through it.
    largest = get_total_norm(tensors, norm_type=math.inf)
    whole = largest.full_tensor() if hasattr(largest, "full_tensor") else largest  # a sharded (FSDP) model
    return bool(torch.isfinite(whole))


def first_not_finite(named: Iterable[tuple[str, torch.Tensor]]) -> str | None:
    """The name of the first tensor with a NaN or an infinity; None if there is none."""
    return next((name for name, tensor in named if not all_finite([tensor])), None)


class FiniteGuard(TrainerCallback):  # type: ignore[misc]  # transformers has no types
    """Raises ``WorkError`` with the number of the step and the last good checkpoint.

    The check before an optimiser step comes first, so that neither the weights in memory nor any checkpoint has been
    touched. Weights are checked after every step, and so before every checkpoint: a checkpoint that exists is good.
    """

    def __init__(self, name: str, work: Path) -> None:
        self._name, self._work = name, work
        self._losses: list[torch.Tensor] = []

    def add_loss(self, loss: torch.Tensor) -> None:
        """Note the loss of a micro-batch. It is read once per optimiser step, so that a GPU need not wait for it."""
        self._losses.append(loss.detach())

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any, **kwargs: Any) -> None:
        """Called with the gradients of a whole step, before they change the weights."""
        self.check_gradients(model, state.global_step + 1)

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any, **kwargs: Any) -> None:
        """Called after each optimiser step, before a checkpoint is saved."""
        self.check_weights(model, state.global_step)

    def check_gradients(self, model: Any, step: int) -> None:
        """Check the losses noted since the last call, and the gradients that ``step`` is about to apply."""
        losses, self._losses = self._losses, []
        if losses and not all_finite(losses):
            bad = next(loss.item() for loss in losses if not all_finite([loss]))
            raise self._error(step, f"the loss is {bad}")
        gradients = [(name, weight.grad) for name, weight in model.named_parameters() if weight.grad is not None]
        if not all_finite([gradient for _, gradient in gradients]):
            raise self._error(step, f"the gradient of {first_not_finite(gradients)} contains a NaN or an infinity")

    def check_weights(self, model: Any, step: int) -> None:
        """Check the trained weights after ``step``."""
        trained = [(name, weight.detach()) for name, weight in model.named_parameters() if weight.requires_grad]
        if not all_finite([weight for _, weight in trained]):
            raise self._error(step, f"the weight {first_not_finite(trained)} became NaN or infinite")

    def _error(self, step: int, what: str) -> WorkError:
        checkpoint = latest_checkpoint(self._work)
        good = f"the last good checkpoint is {checkpoint}" if checkpoint else "no checkpoint was saved before it"
        return WorkError(f"{self._name}: step {step}: {what}; {good}; {REMEDY}")
