"""Credit ``min``: nearly the whole process reward stands at the worst step.

`PURE <https://arxiv.org/abs/2504.15275>`_: the return of a program is then close to its lowest step reward, which no
number of further good steps can raise.
"""

from __future__ import annotations

from math import exp

from prlcoder.training.credit.placement import rewarded_steps, rewards_at
from prlcoder.training.credit.settings import CreditSettings
from prlcoder.training.rollouts import Rollout


def credit(rollout: Rollout, settings: CreditSettings) -> tuple[float, ...]:
    """Rewards per token, ``(T,)``: ``u_i softmax_i(-u / temperature)`` at T_p of step ``i``, whose reward is ``u_i``,
    and the outcome's reward at the last token."""
    steps = rewarded_steps(rollout)
    lowest = min(steps.values(), default=0.0)
    # The lowest reward is subtracted so that no exponent is positive, which changes no weight.
    weights = {step: exp((lowest - reward) / settings.temperature) for step, reward in steps.items()}
    whole = sum(weights.values())
    return rewards_at(
        rollout, {step: reward * weights[step] / whole for step, reward in steps.items()}, rollout.outcome_reward
    )
