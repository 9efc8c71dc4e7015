"""The settings that credit rules read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FinalStep = Literal["none", "ramp", "bonus"]


@dataclass(frozen=True)
class CreditSettings:
    """Each rule reads the settings that concern it.

    - ``final``: with ``sum``, how the last step gets the highest reward.
    - ``temperature``: with ``min``, that of the softmax over steps; PURE's value by default.
    - ``step_weight``: with ``first-error``, the reward of a program whose steps are all right.
    - ``kept_share``: with ``filter``, the share of each group's rollouts that is trained on.
    """

    final: FinalStep = "none"
    temperature: float = 0.1
    step_weight: float = 1.0
    kept_share: float = 0.5
