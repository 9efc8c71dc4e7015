"""Credit ``last``: only the last step is rewarded.

The prefix that ends with the last step is the whole program, so its score is the PRM's judgement of the program. The
rule uses a process reward model as an outcome reward model, which shows what the scores of the other steps add.
"""

from __future__ import annotations

from prlcoder.training.credit.placement import rewarded_steps, rewards_at
from prlcoder.training.credit.settings import CreditSettings
from prlcoder.training.rollouts import Rollout


def credit(rollout: Rollout, settings: CreditSettings) -> tuple[float, ...]:
    """Rewards per token, ``(T,)``: the last step's reward at its T_p, and the outcome's at the last token."""
    steps = rewarded_steps(rollout)
    last = {max(steps): steps[max(steps)]} if steps else {}
    return rewards_at(rollout, last, rollout.outcome_reward)
