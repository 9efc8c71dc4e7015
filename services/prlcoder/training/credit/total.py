"""Credit ``sum``: each step's reward stands at the step's last token. The paper's eq. 2 and 3.

The paper distributes "the highest reward to the final segment" and leaves open how. ``final`` has two readings.
"""

from __future__ import annotations

from prlcoder.training.credit.placement import rewarded_steps, rewards_at
from prlcoder.training.credit.settings import CreditSettings
from prlcoder.training.rollouts import Rollout


def credit(rollout: Rollout, settings: CreditSettings) -> tuple[float, ...]:
    """Rewards per token, ``(T,)``: the reward of step ``i`` at its T_p, and the outcome's at the last token.

    ``final``: ``ramp`` multiplies the reward of the i-th of k steps by ``2 i / (k + 1)``, whose mean is 1. ``bonus``
    counts the last step's reward twice: as that of the step, and as that of the whole program, which ends with it.
    """
    steps = rewarded_steps(rollout)
    if settings.final == "ramp":
        factor = 2 / (len(steps) + 1)
        steps = {step: factor * number * reward for number, (step, reward) in enumerate(steps.items(), start=1)}
    elif settings.final == "bonus" and steps:
        last = max(steps)
        steps[last] *= 2
    return rewards_at(rollout, steps, rollout.outcome_reward)
