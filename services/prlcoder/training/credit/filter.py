"""Credit ``filter``: the PRM chooses the programs that are trained on, and rewards nothing.

`PROF <https://arxiv.org/abs/2509.03403>`_ keeps the passing programs with the highest and the failing programs with the
lowest process scores: those on which process and outcome agree.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import ceil

from prlcoder.training.credit.placement import rewards_at
from prlcoder.training.credit.settings import CreditSettings
from prlcoder.training.rollouts import Rollout


def credit(rollout: Rollout, settings: CreditSettings) -> tuple[float, ...]:
    """Rewards per token, ``(T,)``: those of ``outcome``. The filter acts through ``select``."""
    return rewards_at(rollout, {}, rollout.outcome_reward)


def select(rollouts: Sequence[Rollout], settings: CreditSettings) -> list[bool]:
    """Whether each rollout is trained on, in order. Of each group, ``kept_share`` stays, rounded up.

    Rollouts leave the larger of the two sides, passing and failing, until both are equal, then both in turn. On each
    side the one whose process score agrees least with its outcome leaves first.
    """
    groups: dict[int, list[int]] = defaultdict(list)
    for number, rollout in enumerate(rollouts):
        groups[rollout.group].append(number)
    kept = [True] * len(rollouts)
    for members in groups.values():
        passing = sorted((n for n in members if rollouts[n].outcome.passed), key=lambda n: _process_score(rollouts[n]))
        failing = sorted(
            (n for n in members if not rollouts[n].outcome.passed), key=lambda n: -_process_score(rollouts[n])
        )
        for _ in range(len(members) - ceil(settings.kept_share * len(members))):
            side = passing if len(passing) >= len(failing) else failing
            kept[side.pop(0)] = False
    return kept


def _process_score(rollout: Rollout) -> float:
    """The mean probability of the written steps, 0 to 1. A program without scored steps lies in the middle."""
    scores = rollout.step_scores or ()
    written = [score for step in rollout.written_steps if scores and (score := scores[step]) is not None]
    return sum(written) / len(written) if written else 0.5
