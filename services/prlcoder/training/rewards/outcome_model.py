"""Reward term ``outcome-model``: an outcome reward model's score of the whole program."""

from __future__ import annotations

from prlcoder.training.rewards.context import RewardContext
from prlcoder.training.rollouts import Rollout


def outcome(rollout: Rollout, context: RewardContext) -> float:
    """``2 p - 1`` of the probability ``p`` that the program is right, -1 to 1. ``ValueError`` if it is not scored."""
    if rollout.outcome_score is None:
        raise ValueError(f"{rollout.problem_id}: the reward term outcome-model needs the score of a reward model")
    return 2 * rollout.outcome_score - 1
