"""Every verdict on MBPP's test problems is that of executing code and asserts together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from prlcoder.executor import ExecutionResult, Verdict
from prlcoder.problems.model import AssertTests, Problem
from prlcoder.problems.reading import read

pytestmark = pytest.mark.needs_sandbox
ITERATES_OVER_A_SET = "341"  # a mutant without `sorted` sees its argument in the order of a copy: {6, ..., 11}


def asserts_of(problem: Problem) -> AssertTests:
    assert isinstance(problem.tests, AssertTests)
    return problem.tests


def test_every_verdict_on_mbpp_is_that_of_code_and_asserts_together(
    shared_data: Path,
    make_recorded: Callable[..., list[Any]],
    verdicts: Callable[[Sequence[Any]], list[ExecutionResult]],
    harness: Callable[[list[dict[str, Any]]], list[bool]],
    one_in: Callable[[int, list[Problem]], list[Problem]],
) -> None:
    problems = [one for one in read(str(shared_data / "mbpp.jsonl.gz"), normalize_indent="keep") if one.split == "test"]
    assert len(problems) == 500
    items = make_recorded(
        one_in(10, problems),
        lambda one: asserts_of(one).entry_point,
        lambda one: f"def {asserts_of(one).entry_point}(*a):\n",
    )
    ours = verdicts(items)
    theirs = harness(
        [
            {
                "procedure": "mbpp",
                "code": one.program,
                "setup": asserts_of(one.problem).setup,
                "asserts": one.problem.meta["examples"],
                "patience_s": 2 if result.verdict is Verdict.TIMEOUT else 30,
            }
            for one, result in zip(items, ours, strict=True)
        ]
    )
    different = [
        f"{one.problem.id} {one.made}: {result.verdict} {result.reason}, asserts {'pass' if passed else 'fail'}"
        for one, result, passed in zip(items, ours, theirs, strict=True)
        if result.passed != passed and one.problem.id.rpartition("/")[2] != ITERATES_OVER_A_SET
    ]
    print(f"{len(items)} samples, {sum(theirs)} pass")
    assert different == []
