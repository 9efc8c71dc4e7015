"""A fault of the tests is not a fault of the program (``docs/reference/contracts.md``, 2)."""

from __future__ import annotations

import pytest

from prlcoder.errors import InputError, WorkError
from prlcoder.executor import ExecutionRequest, ExecutionResult, Executor, Verdict
from prlcoder.executor.verdicts import require_verdict
from prlcoder.problems.model import AssertTests

RIGHT = "def f(x):\n    return x + 1\n"
WRONG = "def f(x):\n    return None\n"


def asserts(source: str, *, check: bool = True, setup: str = "") -> AssertTests:
    return AssertTests(source, "f", check, setup)


@pytest.mark.parametrize(
    ("tests", "fault"),
    [
        (
            asserts("import no_such_package\ndef check(candidate):\n    assert candidate(1) == 2\n"),
            "line 1: ModuleNotFoundError: No module named 'no_such_package'",
        ),
        (
            asserts(
                "def check(candidate):\n    for x in [1]:\n        y = x\n    assert y == candidat(x)\n    1 / 0\n"
            ),
            None,  # the typo names a function that the program could have: only the canonical solution can tell
        ),
        (
            asserts("def check(candidate):\n    values = [1][5]\n    assert candidate(1) == values\n"),
            "line 2: IndexError: list index out of range",
        ),
        (asserts("def chek(candidate):\n    assert candidate(1) == 2\n"), "NameError: check is not defined"),
        (asserts("def check(candidate):\n    for x in []:\n        candidate(x)\n"), "they never call the candidate"),
        (asserts("def check(candidate):\n    assert True\n"), "they never call the candidate"),
        (asserts("assert f(1) = 2\n", check=False), "line 1: SyntaxError"),
        (asserts("assert f(1) == 2\n", check=False, setup="import no_such_package\n"), "setup line 1: ModuleNotFound"),
        (
            asserts("def check(candidate):\n    assert [candidate(1)] == [2]\n    import no_such_package\n"),
            "line 3: ModuleNotFoundError",
        ),
    ],
)
@pytest.mark.parametrize("program", [RIGHT, WRONG])
def test_tests_that_cannot_judge_give_no_verdict(
    executor: Executor, tests: AssertTests, fault: str | None, program: str
) -> None:
    result = executor.execute(ExecutionRequest(program, tests))
    if fault is None:
        assert (result.verdict, result.reason) == (Verdict.RUNTIME_ERROR, "NameError")
        assert result.test_exception == "line 4: NameError: a name that the program does not define"
    elif program is RIGHT or "line 3" not in fault:  # the wrong program fails before line 3
        assert result.verdict is None
        assert result.outcome == "test_error"
        assert result.test_error.startswith(fault)
        with pytest.raises(InputError, match="p/1: tests: "):
            require_verdict("p/1", result)


def test_an_exception_after_the_first_call_is_a_wrong_answer_with_a_note(executor: Executor) -> None:
    tests = asserts("def check(candidate):\n    for x in [1]:\n        assert len([candidate(x) + 1]) == 1\n")
    assert executor.execute(ExecutionRequest(RIGHT, tests)).passed
    result = executor.execute(ExecutionRequest(WRONG, tests))
    assert (result.outcome, result.reason) == ("wrong_answer", "")
    assert result.test_exception.startswith("line 3: TypeError: unsupported operand")


def test_a_failed_assertion_and_an_exception_of_the_program_leave_no_note(executor: Executor) -> None:
    tests = asserts("def check(candidate):\n    for x in [1]:\n        assert candidate(x) == 2\n")
    wrong = executor.execute(ExecutionRequest("def f(x):\n    return 0\n", tests))
    raising = executor.execute(ExecutionRequest("def f(x):\n    raise KeyError(x)\n", tests))
    gone = executor.execute(ExecutionRequest("import os\ndef f(x):\n    os._exit(3)\n", tests))
    assert [one.outcome for one in (wrong, raising, gone)] == ["wrong_answer", "runtime_error", "runtime_error"]
    assert [one.test_exception for one in (wrong, raising, gone)] == ["", "", ""]


@pytest.mark.parametrize(
    "body",
    ["raise ModuleNotFoundError('numpy')", "raise ImportError('x', name='numpy')", "import numpy_that_is_not_there"],
)
def test_a_program_cannot_blame_the_tests(executor: Executor, body: str) -> None:
    tests = asserts("def check(candidate):\n    for x in [1]:\n        assert candidate(x) == 2\n")
    for program in (f"def f(x):\n    {body}\n", f"{body}\ndef f(x):\n    return 2\n"):
        assert executor.execute(ExecutionRequest(program, tests)).outcome == "runtime_error"


def test_a_sandbox_error_stops_with_another_message() -> None:
    with pytest.raises(WorkError, match="p/1: the sandbox failed"):
        require_verdict("p/1", ExecutionResult(None, "sandbox_error: its jail died"))
    assert require_verdict("p/1", ExecutionResult(Verdict.PASSED)) is Verdict.PASSED
