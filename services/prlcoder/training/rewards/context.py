"""What reward terms know of a rollout's problem and of the settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RewardContext:
    """``solutions`` are the problem's canonical solutions, whole programs. With ``adaptive``, the reward of a wrong
    answer depends on the share of tests that passed."""

    solutions: tuple[str, ...] = ()
    adaptive: bool = False
