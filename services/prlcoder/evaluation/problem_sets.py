"""The problems of a benchmark: a split of the run's own problems, or a published set, restricted by ``select``."""

from __future__ import annotations

from typing import Final

from prlcoder.errors import InputError, WorkError
from prlcoder.problems.model import Problem
from prlcoder.spec import Benchmark, Spec
from prlcoder.stages.context import StageContext

MBPP: Final = ("mbpp", "mbpp-sanitized")  # their files hold training and validation problems too


def benchmark_problems(plan: Benchmark, context: StageContext) -> tuple[Problem, ...]:
    """The problems, at most ``plan.limit`` and at least one. ``InputError`` if a published set cannot be read."""
    if plan.published:
        return published_problems(plan, context.spec)[: plan.limit]
    problems = context.test if plan.source == "held-out" else context.validation
    if not problems:
        raise WorkError(f"benchmark {plan.title}: the split has no such problems; raise its share in problems.split")
    return problems[: plan.limit]


def published_problems(plan: Benchmark, spec: Spec) -> tuple[Problem, ...]:
    """The problems of a published benchmark that ``select`` admits; of MBPP only the 500 test problems."""
    from prlcoder.problems.reading import read

    assert plan.path is not None  # runs.checks
    found = read(
        plan.path,
        format=plan.source,
        normalize_indent=spec.problems.normalize_indent,
        select=plan.select,
        hub=plan.hub,
    )
    problems = tuple(problem for problem in found if plan.source not in MBPP or problem.split == "test")
    if not problems:
        raise InputError(f"benchmark {plan.title}: {plan.path} contains none of its problems; is it the right file?")
    return problems
