"""Executed lines and error lines: right for honest programs, and without any effect on a verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prlcoder.executor import ExecutionRequest, ExecutionResult, Executor, ResourceLimits, Verdict
from prlcoder.problems.model import AssertTests, CallTest, CallTests, StdioTest, StdioTests, Tests

pytestmark = pytest.mark.needs_sandbox

CALLS = CallTests("f", (CallTest((3,), {}, 6), CallTest((-1,), {}, -2)))
STDIO = StdioTests((StdioTest("3\n", "6\n"), StdioTest("-1\n", "-2\n")))
TESTER = AssertTests("def check(candidate):\n    for n in (3, -1):\n        assert candidate(n) == 2 * n\n", "f", True)

BRANCHES = """\
import math

def f(n):
    if n > 5:
        return math.pi
    for k in range(2):
        n = n + n \\
            - n * k
    return n

def unused():
    return 1
"""
BRANCH_LINES = (1, 3, 4, 6, 7, 8, 9, 11)
ERROR = "def f(n):\n    if n < 0:\n        return g([])\n    return 2 * n\n\ndef g(values):\n    return values[0]\n"


def traced(executor: Executor, program: str, tests: Tests = CALLS, **options: object) -> ExecutionResult:
    return executor.execute(ExecutionRequest(program, tests, trace_lines=True, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("tests", [CALLS, TESTER])
def test_the_executed_lines_of_a_function(executor: Executor, tests: Tests) -> None:
    result = traced(executor, BRANCHES.replace("n = n + n", "n = n + n * 2"), tests)
    assert result.verdict is Verdict.WRONG_ANSWER
    assert set(BRANCH_LINES) - {8} <= set(result.executed_lines or ()) <= set(BRANCH_LINES)
    assert result.error_line is None


def test_the_lines_of_all_inputs_together(executor: Executor) -> None:
    program = "n = int(input())\nif n > 0:\n    print(2 * n)\nelif n < -5:\n    pass\nelse:\n    print(2 * n)\n"
    result = traced(executor, program, STDIO)
    assert (result.verdict, result.executed_lines) == (Verdict.PASSED, (1, 2, 3, 4, 7))


@pytest.mark.parametrize("tests", [CALLS, TESTER])
def test_the_line_of_an_exception_is_that_of_its_last_frame_in_the_program(executor: Executor, tests: Tests) -> None:
    result = traced(executor, ERROR, tests)
    assert (result.verdict, result.reason, result.error_line) == (Verdict.RUNTIME_ERROR, "IndexError", 7)
    assert result.executed_lines == (1, 2, 3, 4, 6, 7)


def test_an_exception_in_a_library_has_the_line_that_called_it(executor: Executor) -> None:
    result = traced(executor, "import json\ndef f(n):\n    text = 'x'\n    return json.loads(text)\n")
    assert (result.reason, result.error_line) == ("JSONDecodeError", 4)


def test_an_exception_while_loading_and_one_on_standard_input(executor: Executor) -> None:
    assert traced(executor, "x = 1\n\ny = x / 0\ndef f(n):\n    return n\n").error_line == 3
    assert traced(executor, "n = input()\nint(n + 'x')\n", STDIO).error_line == 2


def test_a_program_that_does_not_compile_has_the_line_of_its_syntax_error(executor: Executor) -> None:
    result = traced(executor, "def f(n):\n    x = (\n    return n\n")
    assert result.verdict is Verdict.COMPILE_ERROR
    assert (result.executed_lines, result.error_line) == ((), 2)


def test_a_program_that_loops_has_the_lines_that_it_reached(executor: Executor) -> None:
    program = "def f(n):\n    while True:\n        n += 1\n    return n\n"
    limits = ResourceLimits(cpu_s=0.3, wall_s=5.0, memory_mib=512, output_mib=4, processes=8)
    result = traced(executor, program, limits=limits)
    assert result.verdict is Verdict.TIMEOUT
    assert {1, 3} <= set(result.executed_lines or ()) <= {1, 2, 3}


def test_lines_of_threads_generators_classes_and_lambdas(executor: Executor) -> None:
    program = """\
import threading
class C:
    def twice(self, n):
        return 2 * n
def g(n):
    yield C().twice(n)
    yield 0
def f(n):
    found = []
    def work():
        found.append(
            next(g(n)))
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    key = lambda x: (
        -x)
    return sorted(found, key=key)[0]
"""
    result = traced(executor, program)
    assert result.verdict is Verdict.PASSED
    assert set(range(1, 18)) - {7, 10, 12, 17} <= set(result.executed_lines or ())
    assert 7 not in (result.executed_lines or ())


def test_the_lines_of_the_preamble_are_not_counted(executor: Executor) -> None:
    preamble = "import math\n\n\ndef helper(n):\n    return n / 0\n"
    result = traced(
        executor, "def f(n):\n    if n < 0:\n        return helper(n)\n    return 2 * n\n", preamble=preamble
    )
    assert (result.executed_lines, result.error_line) == ((1, 2, 3, 4), 3)


def test_lines_are_not_recorded_unless_they_are_asked_for(executor: Executor) -> None:
    result = executor.execute(ExecutionRequest(ERROR, CALLS))
    assert (result.executed_lines, result.error_line) == (None, None)


def test_a_traced_program_leaves_nothing_for_the_next_one(executor: Executor) -> None:
    traced(executor, BRANCHES)
    assert traced(executor, "f = abs\n", CallTests("f", (CallTest((1,), {}, 1),))).executed_lines == (1,)


FORGERIES = {
    "writes over the record": "os.pwrite(5, b'\\xff\\1' * 40000, 0)",
    "claims every line": "os.pwrite(5, b'\\1' * 70000, 0)",
    "fills the record": "while True: os.write(5, b'\\1' * (1 << 20))",
    "closes the record": "os.close(5)",
    "moves the answers into the record": "os.dup2(3, 5)",
}
TRACED = """\
import os, sys
def traced():
    try:
        os.fstat(5)
        return True
    except OSError:
        return False
"""


@pytest.mark.parametrize("name", FORGERIES)
def test_whatever_a_program_records_its_lines_are_its_own_and_its_verdict_stays(executor: Executor, name: str) -> None:
    program = (
        f"import os\ndef f(n):\n    try:\n        {FORGERIES[name]}\n    except OSError:\n        pass\n    return n\n"
    )
    result = traced(executor, program)
    plain = executor.execute(ExecutionRequest(program, CALLS))
    assert (result.verdict, result.reason) == (plain.verdict, plain.reason) == (Verdict.WRONG_ANSWER, "")
    assert all(1 <= line <= program.count("\n") + 1 for line in result.executed_lines or ())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("    return 2 * n if traced() else n\n", (Verdict.WRONG_ANSWER, "")),
        ("    return n if traced() else 2 * n\n", (Verdict.PASSED, "")),
        ("    while traced(): pass\n    return 2 * n\n", (Verdict.PASSED, "")),
        ("    if traced(): os._exit(3)\n    return 2 * n\n", (Verdict.PASSED, "")),
        ("    if traced(): os.kill(os.getpid(), 9)\n    return 2 * n\n", (Verdict.PASSED, "")),
        ("    if traced(): raise ValueError\n    return 2 * n\n", (Verdict.PASSED, "")),
        ("    if traced(): b'x' * (1 << 40)\n    return 2 * n\n", (Verdict.PASSED, "")),
    ],
)
@pytest.mark.parametrize("tests", [CALLS, TESTER])
def test_a_program_that_knows_that_it_is_traced_cannot_change_its_verdict(
    executor: Executor, body: str, expected: tuple[Verdict, str], tests: Tests
) -> None:
    result = traced(executor, f"{TRACED}def f(n):\n{body}", tests)
    assert (result.verdict, result.reason) == expected
    assert result.error_line is None


def test_measurements_are_those_of_the_run_that_was_judged(executor: Executor) -> None:
    program = f"{TRACED}def f(n):\n    while traced(): pass\n    return 2 * n\n"
    result = traced(executor, program)
    assert result.cpu_s < 1.0
    assert replace(result, executed_lines=None).verdict is Verdict.PASSED
