"""From rollouts to rewards per token: the terms of the reward, then the credit rule, then what can be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch

from prlcoder.problems.model import Problem
from prlcoder.spec import Rl
from prlcoder.training.advantages import groups_without_variance
from prlcoder.training.credit import CREDIT_RULES, CreditSettings
from prlcoder.training.credit.first_error import first_wrong_by_prm
from prlcoder.training.rewards import TERMS
from prlcoder.training.rewards.weighting import WeightedTerm
from prlcoder.training.rewards.weighting import rewarded as with_rewards
from prlcoder.training.rollouts import Rollout

TokenRewards = tuple[float, ...]
"""One reward per token of a completion, ``(T,)``."""
PROCESS: Final = "process"
TRUNCATED: Final = "truncated"
WITHOUT_VARIANCE: Final = "group_without_variance"
FILTERED: Final = "filtered"


@dataclass(frozen=True)
class Rewarded:
    """Rollouts with their rewards. ``components[i]`` are the sums over the tokens of ``rollouts[i]`` by term, after
    weight and credit rule; they add up to the sum of ``rewards[i]``."""

    rollouts: Sequence[Rollout]
    rewards: Sequence[TokenRewards]
    components: Sequence[Mapping[str, float]]

    def totals(self) -> list[float]:
        """The reward of each program."""
        return [sum(rewards) for rewards in self.rewards]

    def means(self) -> dict[str, float]:
        """The mean reward of a program by term, and in all."""
        count = max(1, len(self.rollouts))
        sums: Counter[str] = Counter()
        for one in self.components:
            sums.update(one)
        return {**{name: value / count for name, value in sums.items()}, "total": sum(self.totals()) / count}

    def of(self, kept: Sequence[bool]) -> Rewarded:
        """The rollouts for which ``kept`` is true."""
        numbers = [number for number, stays in enumerate(kept) if stays]
        return Rewarded(
            [self.rollouts[number] for number in numbers],
            [self.rewards[number] for number in numbers],
            [self.components[number] for number in numbers],
        )


def rewarded(rollouts: Sequence[Rollout], rl: Rl, problems: Mapping[str, Problem]) -> Rewarded:
    """The rollouts with the rewards of all terms. ``WorkError`` if a term is NaN or infinite."""
    rule, settings = CREDIT_RULES[rl.credit.rule], credit_settings(rl)
    terms = [WeightedTerm(term.kind, term.weight, term.adaptive) for term in rl.rewards if _is_summed(term.kind, rl)]
    complete, rewards, components = [], [], []
    for one in rollouts:
        solutions = problems[one.problem_id].solutions
        found = with_rewards(_with_first_wrong_step(one, rl), terms, solutions)
        tokens = rule.credit(found.rollout, settings)
        outcomes = {term.kind: term.weight * found.components[term.kind] for term in terms if not _of_steps(term.kind)}
        of_steps = sum(tokens) - found.rollout.outcome_reward
        complete.append(found.rollout)
        rewards.append(tokens)
        components.append({**outcomes, **_step_components(found.rollout, of_steps, terms, rl, solutions)})
    return Rewarded(complete, rewards, components)


def _step_components(
    rollout: Rollout, of_steps: float, terms: Sequence[WeightedTerm], rl: Rl, solutions: Sequence[str]
) -> dict[str, float]:
    """What the terms for steps contribute to ``of_steps``, the sum of the rewards of all steps.

    Of several terms, ``process`` has what is left after the others by themselves. A rule that is not linear in the
    rewards of the steps, such as ``min``, has no other division.
    """
    kinds = [term.kind for term in rl.rewards if _of_steps(term.kind)]
    if len(kinds) < 2:
        return dict.fromkeys(kinds, of_steps)
    rule, settings = CREDIT_RULES[rl.credit.rule], credit_settings(rl)
    found = {
        term.kind: sum(rule.credit(with_rewards(rollout, [term], solutions).rollout, settings))
        for term in terms
        if _of_steps(term.kind) and term.kind != PROCESS
    }
    return {**found, PROCESS: of_steps - sum(found.values())}


def _of_steps(kind: str) -> bool:
    return TERMS[kind].steps is not None


def credit_settings(rl: Rl) -> CreditSettings:
    """With ``first-error`` the steps have fixed rewards, and the weight of ``process`` scales them."""
    weight = next((term.weight for term in rl.rewards if term.kind == PROCESS), 1.0)
    return CreditSettings(final=rl.credit.final, step_weight=weight)


def _is_summed(kind: str, rl: Rl) -> bool:
    """Whether a term enters the sum that the rule distributes. ``first-error`` only asks where a program goes wrong."""
    return kind != PROCESS or rl.credit.rule != "first-error"


def _with_first_wrong_step(rollout: Rollout, rl: Rl) -> Rollout:
    """With ``by: prm``; execution has located the step while the rollout was collected."""
    if not CREDIT_RULES[rl.credit.rule].needs_first_wrong_step or rl.credit.by != "prm":
        return rollout
    return replace(rollout, first_wrong_step=first_wrong_by_prm(rollout))


def comparable(every: Rewarded, algorithm: str, rl: Rl, dropped: Counter[str]) -> Rewarded:
    """The rollouts that are learnt from; the others are counted in ``dropped``.

    These are the ones that a selecting credit rule leaves out and, for algorithms that compare the programs of a
    problem, groups whose programs all have the same reward.
    """
    kept, select = every, CREDIT_RULES[rl.credit.rule].select
    if select is not None:
        chosen = select(every.rollouts, credit_settings(rl))
        dropped[FILTERED] += chosen.count(False)
        kept = every.of(chosen)
    if algorithm == "ppo" or not kept.rollouts:
        return kept
    groups = torch.tensor([one.group for one in kept.rollouts])
    same = groups_without_variance(torch.tensor(kept.totals()), groups).tolist()
    dropped[WITHOUT_VARIANCE] += same.count(True)
    return kept.of([not one for one in same])
