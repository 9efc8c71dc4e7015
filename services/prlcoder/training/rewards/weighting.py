"""The weighted sum of a rollout's reward terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite

from prlcoder.errors import WorkError
from prlcoder.training.rewards import TERMS, RewardContext
from prlcoder.training.rollouts import Rollout


@dataclass(frozen=True)
class WeightedTerm:
    """A term by its name in ``TERMS``, and its weight in the sum."""

    kind: str
    weight: float = 1.0
    adaptive: bool = False


@dataclass(frozen=True)
class RewardedRollout:
    """A rollout with ``step_rewards`` and ``outcome_reward``, and what each term contributed before its weight.

    ``components`` has one number per term: the outcome's reward, or the mean over the steps that are not neutral (0
    without such steps).
    """

    rollout: Rollout
    components: dict[str, float]


def rewarded(rollout: Rollout, terms: Sequence[WeightedTerm], solutions: Sequence[str] = ()) -> RewardedRollout:
    """The rollout with the weighted sums of its terms. ``solutions`` are the problem's canonical solutions.

    A step is neutral if every term for steps leaves it out. Raises ``WorkError`` if a term is NaN or infinite, and
    ``ValueError`` if a term's reward model has not scored the rollout.
    """
    steps: list[float | None] = [None] * len(rollout.segments)
    outcome, components, rewards_steps = 0.0, {}, False
    for one in terms:
        term, context = TERMS[one.kind], RewardContext(tuple(solutions), one.adaptive)
        if term.steps is not None:
            own = term.steps(rollout, context)
            _check(rollout, one.kind, [value for value in own if value is not None])
            steps = [_plus(sum_, value, one.weight) for sum_, value in zip(steps, own, strict=True)]
            components[one.kind] = _mean([value for value in own if value is not None])
            rewards_steps = True
        if term.outcome is not None:
            value = term.outcome(rollout, context)
            _check(rollout, one.kind, [value])
            outcome += one.weight * value
            components[one.kind] = value
    step_rewards = tuple(steps) if rewards_steps else None
    return RewardedRollout(replace(rollout, step_rewards=step_rewards, outcome_reward=outcome), components)


def _plus(sum_: float | None, value: float | None, weight: float) -> float | None:
    return sum_ if value is None else (sum_ or 0.0) + weight * value


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _check(rollout: Rollout, kind: str, values: Sequence[float]) -> None:
    if not all(map(isfinite, values)):
        raise WorkError(
            f"{rollout.problem_id}: the reward term {kind} is not a finite number; check the model that scores it"
        )
