"""Reward term ``process``: the PRM's score of each step, R_P in the paper's eq. 2."""

from __future__ import annotations

from prlcoder.training.rewards.context import RewardContext
from prlcoder.training.rollouts import Rollout


def steps(rollout: Rollout, context: RewardContext) -> tuple[float | None, ...]:
    """``2 p - 1`` of each segment's probability ``p``, ``(S,)``, -1 to 1: P(right) - P(wrong), as in PURE.

    With this sign a step that is more probably wrong than right lowers the return, so more steps do not always earn
    more. Context and segments without a score are neutral. ``ValueError`` if the PRM has not scored the rollout.
    """
    if rollout.step_scores is None:
        if rollout.segments:
            raise ValueError(f"{rollout.problem_id}: the reward term process needs the scores of a reward model")
        return ()  # a program that cannot be segmented has no steps to score
    return tuple(
        None if score is None or not segment.is_step else 2 * score - 1
        for segment, score in zip(rollout.segments, rollout.step_scores, strict=True)
    )
