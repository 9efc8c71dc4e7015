"""Labelled steps and programs of the validation problems, for choosing among epochs and for calibration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from prlcoder.executor import ResourceLimits
from prlcoder.files import write_json
from prlcoder.supervision.labelling import labelled_steps
from prlcoder.supervision.rows import training_buckets
from prlcoder.supervision.store import read_rows
from prlcoder.training.examples import outcomes
from prlcoder.training.examples.steps import COLUMNS

if TYPE_CHECKING:
    from prlcoder.problems.model import Problem
    from prlcoder.stages.context import StageContext

MAX_PROBLEMS: Final = 60  # more would cost executions and hardly change a choice among epochs
CACHE: Final = "validation_steps.json"


def validation_rows(context: StageContext) -> list[Mapping[str, Any]]:
    """Rows with the columns ``COLUMNS``: the supervision's own if it covers validation problems.

    Otherwise the rule teacher's variants of the first validation problems are executed and labelled; the result is kept
    in the work folder, so that a resumed stage does not repeat it. Empty if there are no validation problems.
    """
    problems = [problem for problem in context.validation if problem.solutions][:MAX_PROBLEMS]
    given = _given(context, "steps", COLUMNS, problems)
    return given if given or not problems else _made(context, problems)


def validation_programs(context: StageContext) -> list[Mapping[str, Any]]:
    """Rows with the columns ``outcomes.COLUMNS``, in the same way: whole programs with their labels."""
    problems = [problem for problem in context.validation if problem.solutions][:MAX_PROBLEMS]
    given = _given(context, "programs", outcomes.COLUMNS, problems)
    return given if given or not problems else [*outcomes.programs_of_steps(_made(context, problems))]


def _given(
    context: StageContext, table: str, columns: Sequence[str], problems: Sequence[Problem]
) -> list[Mapping[str, Any]]:
    """The supervision's own labelled rows of these problems."""
    names = {problem.id for problem in problems}
    buckets = training_buckets(use_generated=False)
    return [
        row
        for row in read_rows(context.artifacts["supervise"], table, columns)
        if row["problem_id"] in names and row["bucket"] in buckets
    ]


def _made(context: StageContext, problems: Sequence[Problem]) -> list[Mapping[str, Any]]:
    """Labelled rows of the table ``steps``, made by the rule teacher and kept in the work folder."""
    path = context.work / CACHE
    if not path.exists():
        limits, supervision = context.spec.execution, context.spec.supervision
        with context.executor() as executor:
            steps = labelled_steps(
                problems,
                mode=context.spec.segmentation,
                seed=context.spec.seed,
                executor=executor,
                limits=ResourceLimits(cpu_s=limits.cpu_limit, wall_s=limits.wall_limit, memory_mib=limits.memory_limit),
                labels=supervision.labels if supervision else "strict",
                unit=supervision.unit if supervision else "segment",
            )
        write_json(path, [{name: getattr(step, name) for name in COLUMNS} for step in steps])
    rows: list[Mapping[str, Any]] = json.loads(path.read_text())
    return rows
