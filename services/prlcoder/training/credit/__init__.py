"""Credit rules: how the reward of a program is distributed over its tokens. Pure functions, no tensors.

A rule is ``credit(rollout, settings) -> (T,)``, one reward per completion token. It reads ``rollout.step_rewards``
(what the reward terms say of each step), ``rollout.outcome_reward`` (what they say of the whole program),
``rollout.first_wrong_step`` and ``rollout.outcome``, and puts each reward at the token T_p of a step or at the last
token. Every rule but ``outcome`` adds the outcome's reward at the last token to its own.

How to add a rule:

1. One module in this folder with ``credit(rollout: Rollout, settings: CreditSettings) -> tuple[float, ...]``.
   ``placement.rewards_at`` puts the rewards of steps and of the outcome at their tokens.
2. One line in ``CREDIT_RULES``, with what the rule needs, and its name in the spec (``spec/rl.py: CreditRuleName``).
3. One test in ``tests/training/test_credit.py`` with numbers worked out by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from prlcoder.training.credit import filter as consistency_filter
from prlcoder.training.credit import first_error, gated, last, mean, minimum, outcome, total
from prlcoder.training.credit.settings import CreditSettings, FinalStep
from prlcoder.training.rollouts import Rollout

Credit = Callable[[Rollout, CreditSettings], tuple[float, ...]]
SelectRollouts = Callable[[Sequence[Rollout], CreditSettings], list[bool]]


@dataclass(frozen=True)
class CreditRule:
    """One rule, and what it needs of its rollouts.

    - ``needs_step_rewards``: a reward term that rewards steps, such as ``process``.
    - ``needs_first_wrong_step``: the first wrong step of failing programs, by the PRM or by execution.
    - ``select``: says which rollouts of an update are trained on; None keeps all. It needs the PRM's scores.
    """

    credit: Credit
    needs_step_rewards: bool = False
    needs_first_wrong_step: bool = False
    select: SelectRollouts | None = None


CREDIT_RULES: Final[Mapping[str, CreditRule]] = MappingProxyType(
    {
        "outcome": CreditRule(outcome.credit),
        "sum": CreditRule(total.credit, needs_step_rewards=True),
        "mean": CreditRule(mean.credit, needs_step_rewards=True),
        "min": CreditRule(minimum.credit, needs_step_rewards=True),
        "gated": CreditRule(gated.credit, needs_step_rewards=True),
        "first-error": CreditRule(first_error.credit, needs_first_wrong_step=True),
        "last": CreditRule(last.credit, needs_step_rewards=True),
        "filter": CreditRule(consistency_filter.credit, select=consistency_filter.select),
    }
)

__all__ = ["CREDIT_RULES", "Credit", "CreditRule", "CreditSettings", "FinalStep", "SelectRollouts"]
