"""Reward terms: what is rewarded in a program. Their weighted sum is what the credit rule distributes. No tensors.

A term rewards the steps of a program, or the whole program. ``rewarded`` computes the terms of a rollout and fills in
``step_rewards`` and ``outcome_reward``.

How to add a term:

1. One module in this folder with ``steps(rollout, context) -> (S,)``, one reward or None (neutral) per segment, or
   ``outcome(rollout, context) -> float``.
2. One line in ``TERMS``, and its name in the spec (``spec/rl.py: RewardTermKind``).
3. One test in ``tests/training/test_rewards.py`` with numbers worked out by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from prlcoder.training.rewards import (
    ast_match,
    data_flow_match,
    error_location,
    outcome_model,
    process,
    verdict,
)
from prlcoder.training.rewards.context import RewardContext
from prlcoder.training.rollouts import Rollout

StepTerm = Callable[[Rollout, RewardContext], tuple[float | None, ...]]
OutcomeTerm = Callable[[Rollout, RewardContext], float]


@dataclass(frozen=True)
class RewardTerm:
    """One term: it has either ``steps`` or ``outcome``.

    ``needs_step_scores`` and ``needs_outcome_score`` name the reward model that must have scored the rollouts;
    ``needs_error_line`` says that the executor must be asked for the line of an error.
    """

    steps: StepTerm | None = None
    outcome: OutcomeTerm | None = None
    needs_step_scores: bool = False
    needs_outcome_score: bool = False
    needs_error_line: bool = False


TERMS: Final[Mapping[str, RewardTerm]] = MappingProxyType(
    {
        "process": RewardTerm(steps=process.steps, needs_step_scores=True),
        "verdict": RewardTerm(outcome=verdict.outcome),
        "outcome-model": RewardTerm(outcome=outcome_model.outcome, needs_outcome_score=True),
        "ast-match": RewardTerm(outcome=ast_match.outcome),
        "data-flow-match": RewardTerm(outcome=data_flow_match.outcome),
        "error-location": RewardTerm(steps=error_location.steps, needs_error_line=True),
    }
)

__all__ = ["TERMS", "OutcomeTerm", "RewardContext", "RewardTerm", "StepTerm"]
