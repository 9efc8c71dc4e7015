"""Reward term ``verdict``: the compiler signal, one of four values (``docs/reference/contracts.md#6``).

They are the values of `CodeRL <https://arxiv.org/abs/2207.01780>`_ and `RLTF <https://arxiv.org/abs/2307.04349>`_.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from prlcoder.executor.verdicts import Verdict
from prlcoder.training.rewards.context import RewardContext
from prlcoder.training.rollouts import Rollout

VALUES: Final[Mapping[Verdict, float]] = MappingProxyType(
    {
        Verdict.PASSED: 1.0,
        Verdict.WRONG_ANSWER: -0.3,
        Verdict.RUNTIME_ERROR: -0.6,
        Verdict.TIMEOUT: -0.6,
        Verdict.COMPILE_ERROR: -1.0,
    }
)
ADAPTIVE_RANGE: Final = 1.3  # from the reward of a wrong answer to that of a program that passes


def outcome(rollout: Rollout, context: RewardContext) -> float:
    """The value of the verdict. With ``context.adaptive``, a wrong answer gets ``-0.3 + 1.3 * share of tests passed``,
    which needs the results of all tests."""
    result = rollout.outcome
    value = VALUES[result.verdict]
    if context.adaptive and result.verdict is Verdict.WRONG_ANSWER:
        return value + ADAPTIVE_RANGE * result.share_passed
    return value
