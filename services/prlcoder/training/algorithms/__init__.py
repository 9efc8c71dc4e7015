"""The algorithms that improve a policy, by their name in the spec. Importing this package imports no torch.

How to add an algorithm:

1. One module in this folder with ``train(job: Job, start: PolicyStart, *, title: str) -> Metrics``. It loads
   the model ``start.init``, trains it with a subclass of ``FixedOrderTrainer``, writes the model folder ``job.output``
   with ``publish`` (both in ``loop/trainer.py``), and returns what the report shows. Its loss is a pure function in
   ``losses/``.
2. One line in ``ALGORITHMS``, and its name and settings in the spec (``prlcoder.spec``).
3. One test in ``tests/training/`` that states what it learns, and one line in ``tests/training/test_exact_resume.py``:
   a training that is killed and run again must end with the weights of an undisturbed one.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prlcoder.stages.context import Metrics
    from prlcoder.training.algorithms.start import PolicyStart
    from prlcoder.training.loop.job import Job


@dataclass(frozen=True)
class Algorithm:
    """One way to improve a policy: the function ``function`` of ``module``, imported only when it trains."""

    module: str
    function: str
    title: str  # heading of the model card

    def train(self, job: Job, start: PolicyStart) -> Metrics:
        """Train the policy from ``start`` with the settings of ``job``, and publish it into ``job.output``."""
        metrics: Metrics = getattr(importlib.import_module(self.module), self.function)(job, start, title=self.title)
        return metrics


_HERE: Final = __name__
ALGORITHMS: Final[Mapping[str, Algorithm]] = MappingProxyType(
    {
        "dpo": Algorithm(f"{_HERE}.dpo", "train", "A policy improved by step-level DPO"),
        "ppo": Algorithm(f"{_HERE}.rl", "train", "A policy improved by PPO"),
        "rloo": Algorithm(f"{_HERE}.rl", "train", "A policy improved by RLOO"),
        "grpo": Algorithm(f"{_HERE}.rl", "train", "A policy improved by GRPO"),
        # the controls: likelihood training without any contrast
        "nll": Algorithm(f"{_HERE}.likelihood", "train_on_chosen", "A control: likelihood of the chosen segments"),
        "rft": Algorithm(f"{_HERE}.likelihood", "train_on_passing", "A control: the policy's own passing programs"),
    }
)
