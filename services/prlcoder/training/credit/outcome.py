"""Credit ``outcome``: the whole reward stands at the last token. This is the control for every other rule."""

from __future__ import annotations

from prlcoder.training.credit.placement import rewards_at
from prlcoder.training.credit.settings import CreditSettings
from prlcoder.training.rollouts import Rollout


def credit(rollout: Rollout, settings: CreditSettings) -> tuple[float, ...]:
    """Rewards per token, ``(T,)``: the outcome's reward at the last token, 0 elsewhere."""
    return rewards_at(rollout, {}, rollout.outcome_reward)
