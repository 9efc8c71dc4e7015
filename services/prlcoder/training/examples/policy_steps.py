"""Labelled steps of a policy's own programs, for a reward model that learns while the policy does. Pure functions.

All steps of a passing program are chosen. In a failing one, the steps before the first wrong one are chosen and that
one is rejected; nothing is known about those after it. Steps that the policy did not write are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prlcoder.executor import ExecutionResult
from prlcoder.supervision.first_wrong_step import FirstWrong
from prlcoder.training.rollouts import Rollout


def policy_steps(located: Iterable[tuple[Rollout, FirstWrong]]) -> list[dict[str, Any]]:
    """Rows as ``step_sequences`` reads them. A failing program whose first wrong step is not known has none."""
    rows: dict[tuple[str, str, int], dict[str, Any]] = {}
    for one, wrong in located:
        if isinstance(wrong, ExecutionResult) or (wrong is None and not one.outcome.passed):
            continue
        last = len(one.segments) - 1 if wrong is None else wrong.index
        for index in one.written_steps:
            if index > last:
                break
            part = one.segments[index]
            rows[one.problem_id, one.program, part.end] = {
                "problem_id": one.problem_id,
                "end": part.end,
                "prefix": one.program[: part.start],
                "segment": part.text,
                "rest": one.program[part.end :],
                "label": "rejected" if wrong is not None and index == last else "chosen",
            }
    return list(rows.values())
