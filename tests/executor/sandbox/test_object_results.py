"""Test code sees of a program what plain Python would show it, but no object of the program's decides an assertion."""

from __future__ import annotations

import re
import sys
import types

import pytest
from tests.executor.sandbox.object_cases import OWN_OBJECT, PLAIN, ObjectCase

from prlcoder.executor import ExecutionRequest, ExecutionResult, Executor, Verdict
from prlcoder.problems.model import AssertTests

pytestmark = pytest.mark.needs_sandbox


def passes_in_plain_python(case: ObjectCase, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Program and tests executed in one namespace, which is that of the module ``solution``."""
    module = types.ModuleType("solution")
    monkeypatch.setitem(sys.modules, "solution", module)
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    try:
        exec(f"{case.program}\n{case.tests}", module.__dict__)
    except Exception:
        return False
    return True


def run(executor: Executor, case: ObjectCase) -> ExecutionResult:
    """The case in the sandbox. The entry point is ``f``, or else the first function or class."""
    names = re.findall(r"^(?:async )?(?:def|class) (\w+)", case.program, re.MULTILINE)
    entry_point = "f" if "f" in names else names[0]
    return executor.execute(ExecutionRequest(case.program, AssertTests(case.tests, entry_point, check=False)))


@pytest.mark.parametrize("case", PLAIN, ids=[case.name for case in PLAIN])
def test_tests_see_what_plain_python_shows(
    executor: Executor, case: ObjectCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(executor, case)
    assert result.passed is passes_in_plain_python(case, monkeypatch), result
    assert result.reason != "own_object"


@pytest.mark.parametrize("case", OWN_OBJECT, ids=[case.name for case in OWN_OBJECT])
def test_an_object_of_the_program_decides_nothing(executor: Executor, case: ObjectCase) -> None:
    result = run(executor, case)
    assert (result.verdict, result.reason) == (Verdict.WRONG_ANSWER, "own_object")
