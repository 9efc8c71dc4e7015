"""Credit ``gated``: steps are rewarded only in programs that pass.

`P-GRPO <https://arxiv.org/abs/2508.05170>`_: a policy that pleases the process reward model and fails the tests earns
nothing by it.
"""

from __future__ import annotations

from prlcoder.training.credit.mean import mean_step_rewards
from prlcoder.training.credit.placement import rewards_at
from prlcoder.training.credit.settings import CreditSettings
from prlcoder.training.rollouts import Rollout


def credit(rollout: Rollout, settings: CreditSettings) -> tuple[float, ...]:
    """Rewards per token, ``(T,)``: those of ``mean`` if the program passes, else those of ``outcome``."""
    steps = mean_step_rewards(rollout)
    return rewards_at(rollout, steps if rollout.outcome.passed else {}, rollout.outcome_reward)
