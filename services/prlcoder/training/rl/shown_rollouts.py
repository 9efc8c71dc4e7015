"""Rollouts for the report: some programs of some updates, with the score, reward and advantage of each step.

They are written to ``rollouts.jsonl``, one program per line. Of an update the programs of the problem whose rewards
differ most are shown, because the advantages of the others are small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from prlcoder.problems.model import Problem
from prlcoder.training.rollouts import Rollout

ROLLOUTS_FILE: Final = "rollouts.jsonl"
MAX_PROGRAMS_SHOWN: Final = 4  # of an update


def is_watched(update: int, every: int, total: int) -> bool:
    """Whether the reward model is measured and rollouts are shown at this update, counted from 0.

    >>> [update for update in range(12) if is_watched(update, 5, 12)]
    [0, 4, 9, 11]
    """
    return update == 0 or (update + 1) % every == 0 or update + 1 == total


def shown_group(groups: Sequence[int], totals: Sequence[float]) -> list[int]:
    """The numbers of the programs of the group whose rewards differ most, best first.

    Of a large group these are the best two and the last two.

    >>> shown_group([0, 0, 1, 1, 1], [0.5, 0.25, 1.0, -1.0, 1.0])
    [2, 4, 3]
    """
    members: dict[int, list[int]] = {}
    for number, group in enumerate(groups):
        members.setdefault(group, []).append(number)
    if not members:
        return []
    widest = max(members.values(), key=lambda own: max(totals[n] for n in own) - min(totals[n] for n in own))
    ordered = sorted(widest, key=lambda number: -totals[number])
    return ordered if len(ordered) <= MAX_PROGRAMS_SHOWN else [*ordered[:2], *ordered[-2:]]


def shown_rows(
    update: int,
    rollouts: Sequence[Rollout],
    rewards: Sequence[Sequence[float]],
    advantages: Sequence[Sequence[float]],
    components: Sequence[Mapping[str, float]],
    problems: Mapping[str, Problem],
) -> list[dict[str, Any]]:
    """The lines of an update. ``rewards`` and ``advantages`` have one number per token of each rollout."""
    totals = [sum(one) for one in rewards]
    return [
        _row(update, rollouts[n], rewards[n], advantages[n], components[n], problems[rollouts[n].problem_id])
        for n in shown_group([one.group for one in rollouts], totals)
    ]


def _row(
    update: int,
    one: Rollout,
    rewards: Sequence[float],
    advantages: Sequence[float],
    components: Mapping[str, float],
    problem: Problem,
) -> dict[str, Any]:
    return {
        "update": update,
        "problem_id": one.problem_id,
        "difficulty": problem.difficulty,
        "statement": problem.statement,
        "program": one.program,
        "verdict": one.outcome.verdict.value,
        "finished": one.finished,
        "reward": round(sum(rewards), 4),
        "components": {name: round(value, 4) for name, value in components.items()},
        **step_parts(one, rewards, advantages),
    }


def step_parts(one: Rollout, rewards: Sequence[float], advantages: Sequence[float]) -> dict[str, Any]:
    """``segments`` with the sum of the rewards and the mean of the advantages of their tokens, and the same of the
    tokens ``after`` the last one, where the reward of the outcome stands.

    The tokens of a segment are those behind the token that ends the segment before it, up to its own last one.
    """
    scores = one.step_scores or (None,) * len(one.segments)
    parts, start = [], 0
    for segment, end, score in zip(one.segments, one.segment_ends, scores, strict=True):
        stop = start if end is None else max(start, end + 1)
        parts.append(
            {
                "start": segment.start,
                "end": segment.end,
                "kind": segment.kind,
                "probability": None if score is None else round(score, 4),
                **_tokens(rewards[start:stop], advantages[start:stop]),
            }
        )
        start = stop
    return {"segments": parts, "after": _tokens(rewards[start:], advantages[start:])}


def _tokens(rewards: Sequence[float], advantages: Sequence[float]) -> dict[str, float | None]:
    """None for no tokens: the prompt has given the segment."""
    if not rewards:
        return {"reward": None, "advantage": None}
    return {"reward": round(sum(rewards), 4), "advantage": round(sum(advantages) / len(advantages), 4)}
