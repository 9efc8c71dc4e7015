"""Credit ``mean``: each step's reward, divided by the number of steps.

`Dai et al. <https://arxiv.org/abs/2410.17621>`_ divide the reward of a line by the number of lines, so that a longer
program earns no more, and give comment lines no reward. Here a comment belongs to the segment below it, and headers
and docstrings are neutral; the divisor is the number of steps with a reward.
"""

from __future__ import annotations

from prlcoder.training.credit.placement import rewarded_steps, rewards_at
from prlcoder.training.credit.settings import CreditSettings
from prlcoder.training.rollouts import Rollout


def credit(rollout: Rollout, settings: CreditSettings) -> tuple[float, ...]:
    """Rewards per token, ``(T,)``: ``1 / k`` of each step's reward at its T_p, and the outcome's at the last token."""
    return rewards_at(rollout, mean_step_rewards(rollout), rollout.outcome_reward)


def mean_step_rewards(rollout: Rollout) -> dict[int, float]:
    """``1 / k`` of the reward of each of the ``k`` steps, by the index of its segment."""
    steps = rewarded_steps(rollout)
    return {step: reward / len(steps) for step, reward in steps.items()}
