"""Credit ``first-error``: the steps before the first wrong one are rewarded, and that one is punished.

The PRM or the execution only says where a program goes wrong; the size of its scores has no effect
(`VPPO <https://arxiv.org/abs/2601.18984>`_, `EGCA <https://arxiv.org/abs/2603.16158>`_).
"""

from __future__ import annotations

from typing import Final

from prlcoder.training.credit.placement import rewards_at
from prlcoder.training.credit.settings import CreditSettings
from prlcoder.training.rollouts import Rollout

RIGHT_ABOVE: Final = 0.5  # a step with a lower probability is wrong to the PRM


def credit(rollout: Rollout, settings: CreditSettings) -> tuple[float, ...]:
    """Rewards per token, ``(T,)``, with the outcome's reward at the last token.

    Of ``k`` steps, each right one gets ``step_weight / k`` at its T_p and the first wrong one ``-step_weight``. What
    follows the first wrong step gets nothing. Every step of a passing program is right. A failing program whose first
    wrong step is not located gets the outcome's reward only. The steps' rewards add up to ``step_weight`` for a
    passing program, and to ``step_weight * (right steps / k - 1)`` for a failing one.
    """
    steps = rollout.written_steps
    wrong = len(rollout.segments) if rollout.outcome.passed else rollout.first_wrong_step
    if wrong is None:
        return rewards_at(rollout, {}, rollout.outcome_reward)
    rewards = {step: settings.step_weight / len(steps) for step in steps if step < wrong}
    if wrong < len(rollout.segments):
        rewards[wrong] = -settings.step_weight
    return rewards_at(rollout, rewards, rollout.outcome_reward)


def first_wrong_by_prm(rollout: Rollout, right_above: float = RIGHT_ABOVE) -> int | None:
    """Index of the first segment that the PRM finds wrong: a written step whose probability is ``right_above`` or less.
    None if there is none, or the PRM has not scored the rollout."""
    scores = rollout.step_scores
    if scores is None:
        return None
    written = ((step, scores[step]) for step in rollout.written_steps)
    return next((step for step, score in written if score is not None and score <= right_above), None)
