"""Tolerances, checkers and limits per test: how tests judge an answer beside equality."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prlcoder.executor import ExecutionRequest, ExecutionResult, Executor, ResourceLimits, Verdict
from prlcoder.problems.model import CallTest, CallTests, Comparison, StdioTest, StdioTests, Tolerance

BUSY = """\
import time
def spend(s):
    end = time.process_time() + s
    while time.process_time() < end:
        pass
"""


def outcomes(executor: Executor, tests: CallTests | StdioTests, *programs: str, **options: object) -> list[str]:
    items = [ExecutionRequest(program, tests, **options) for program in programs]  # type: ignore[arg-type]
    return [result.outcome for result in executor.run(items)]


def test_a_checker_decides_over_standard_output(executor: Executor) -> None:
    checker = (
        "def check(input, output):\n    return sorted(map(int, output.split())) == list(range(1, int(input) + 1))\n"
    )
    tests = StdioTests((StdioTest("3\n", "1 2 3\n"), StdioTest("1\n", "1\n")), checker=checker)
    programs = ["n = int(input())\nprint(*range(n, 0, -1))\n", "print(1)\n", "raise SystemExit(3)\n"]
    assert outcomes(executor, tests, *programs) == ["passed", "wrong_answer", "runtime_error"]


def test_a_checker_with_three_parameters_gets_the_expected_output(executor: Executor) -> None:
    tests = StdioTests(
        (StdioTest("", "a b\n"),), checker="def check(i, o, e):\n    return set(o.split()) == set(e.split())\n"
    )
    assert outcomes(executor, tests, "print('b a')", "print('b')") == ["passed", "wrong_answer"]


def test_a_checker_decides_over_the_results_of_calls(executor: Executor) -> None:
    checker = (
        "def check(arguments, result, expected):\n    x, root = arguments\n    return abs(result ** root - x) < 1e-6\n"
    )
    cases = (CallTest((4,), {"root": 2}, 2), CallTest((9,), {"root": 2}, 3))
    tests = CallTests("f", cases, checker=checker)
    programs = [
        "def f(x, root): return -x ** 0.5\n",
        "def f(x, root): return x\n",
        "def f(x, root): raise KeyError\n",
        "def f(x, root): return 2 if x == 4 else None\n",
    ]
    results = list(executor.run(ExecutionRequest(program, tests, all_tests=True) for program in programs))
    assert [one.outcome for one in results] == ["passed", "wrong_answer", "runtime_error", "wrong_answer"]
    assert [one.tests_passed for one in results] == [2, 0, 0, 1]
    assert results[3].test_exception.startswith("checker line 3: TypeError")


@pytest.mark.parametrize(
    ("checker", "fault"),
    [
        ("def check(i, o)\n    pass\n", "checker line 1: SyntaxError"),
        ("def chek(i, o):\n    return True\n", "checker: KeyError: 'check'"),
        (
            "import no_such_package\ndef check(i, o):\n    return True\n",
            "checker line 1: ModuleNotFoundError: No module",
        ),
        ("def check(i, o):\n    import no_such_package\n", "checker line 2: ModuleNotFoundError: No module"),
    ],
)
def test_a_checker_that_cannot_run_is_a_fault_of_the_tests(executor: Executor, checker: str, fault: str) -> None:
    stdio = StdioTests((StdioTest("", "1\n"),), checker=checker)
    calls = CallTests("f", (CallTest((), {}, 1),), checker=checker)
    for tests, program in ((stdio, "print(1)\n"), (calls, "def f(): return 1\n")):
        assert executor.execute(ExecutionRequest(program, tests)).test_error.startswith(fault)


def test_a_checker_that_does_not_decide_does_not_accept(executor: Executor) -> None:
    tests = StdioTests((StdioTest("", "1\n"),), checker="def check(i, o):\n    while o: pass\n    return True\n")
    limits = ResourceLimits(cpu_s=0.5, wall_s=2)
    result = executor.execute(ExecutionRequest("print(1)\n", tests, limits=limits))
    assert (result.outcome, result.test_exception) == (
        "wrong_answer",
        "checker: it reached its limits of time or memory",
    )


def test_a_program_cannot_reach_its_checker(executor: Executor) -> None:
    checker = "def check(arguments, result, expected):\n    return result == expected\n"
    tests = CallTests("f", (CallTest((), {}, 41),), checker=checker)
    programs = [
        "class T(int):\n    def __eq__(self, other): return True\n    __hash__ = int.__hash__\ndef f(): return T(7)\n",
        "import sys\nsys.modules['checker'] = sys\nimport builtins\nbuiltins.abs = None\ndef f(): return 7\n",
        "import os\nos.write(3, b'right' * 100)\ndef f(): return 7\n",
        "def f():\n    import os\n    os.write(3, b'\\x05\\0\\0\\0\\0\\0\\0\\0\\0right')\n    return 7\n",
    ]
    assert "passed" not in outcomes(executor, tests, *programs)
    assert outcomes(executor, tests, "def f(): return 41\n") == ["passed"]  # the jail works as before


def test_floats_in_results_may_differ_by_the_tolerance(executor: Executor) -> None:
    tests = CallTests("f", (CallTest(([1],), {}, [0.3, {"a": (1.0, 2)}]),), tolerance=Tolerance(absolute=1e-9))
    programs = [
        "def f(x): return [0.1 + 0.2, {'a': [1.0 + 1e-12, 2]}]\n",
        "def f(x): return [0.3001, {'a': (1.0, 2)}]\n",
        "def f(x): return [0.3, {'a': (1.0, 3)}]\n",
        "def f(x): return [float('nan'), {'a': (1.0, 2)}]\n",
    ]
    assert outcomes(executor, tests, *programs) == ["passed", *["wrong_answer"] * 3]
    exact = replace(tests, tolerance=None)
    assert outcomes(executor, exact, programs[0]) == ["wrong_answer"]
    strict = CallTests("f", (CallTest((), {}, 1.0),), Comparison.STRICT, Tolerance(0.5))
    assert outcomes(executor, strict, "def f(): return 1\n", "def f(): return 1.25\n") == ["wrong_answer", "passed"]


def test_numbers_in_output_may_differ_by_the_tolerance(executor: Executor) -> None:
    tests = StdioTests((StdioTest("", "half 0.5\n100\n"),), tolerance=Tolerance(relative=0.01))
    programs = [
        "print('half 0.504\\n99.5')\n",
        "print('half 0.51\\n100')\n",
        "print('Half 0.5\\n100')\n",
        "print('half 0.5')\n",
    ]
    assert outcomes(executor, tests, *programs) == ["passed", *["wrong_answer"] * 3]


def slow(seconds: float) -> str:
    return f"{BUSY}n = input()\nspend({seconds} if n == '1' else 0.02)\nprint(n)\n"


def test_a_limit_per_test_counts_for_each_run(executor: Executor) -> None:
    tests = StdioTests(tuple(StdioTest(f"{n}\n", f"{n}\n") for n in range(3)), test_limit_s=0.5)
    limits = ResourceLimits(cpu_s=0.6, wall_s=60)
    steady = f"{BUSY}n = input()\nspend(0.3)\nprint(n)\n"  # 0.9 s in all, above the program's own limit
    results = list(
        executor.run(ExecutionRequest(one, tests, limits=limits, all_tests=True) for one in (steady, slow(0.9)))
    )
    assert [(one.outcome, one.reason, one.tests_passed) for one in results] == [
        ("passed", "", 3),
        ("timeout", "cpu", 2),
    ]
    off = replace(limits, test_s=0)
    assert executor.execute(ExecutionRequest(steady, tests, limits=off)).outcome == "timeout"


def test_a_limit_per_test_counts_for_each_call_and_later_calls_still_run(executor: Executor) -> None:
    tests = CallTests("f", tuple(CallTest((n,), {}, n) for n in range(4)), test_limit_s=0.4)
    limits = ResourceLimits(cpu_s=0.5, wall_s=60)
    steady = f"{BUSY}def f(n):\n    spend(0.25)\n    return n\n"
    one_slow = f"{BUSY}def f(n):\n    spend(5 if n == 1 else 0.02)\n    return n if n != 2 else -1\n"
    first, second = executor.run(
        ExecutionRequest(one, tests, limits=limits, all_tests=True, keep_answers=True) for one in (steady, one_slow)
    )
    assert (first.outcome, first.tests_passed) == ("passed", 4)
    assert (second.outcome, second.reason, second.tests_passed) == ("timeout", "cpu", 2)
    assert [answer is None for answer in second.answers] == [False, True, False, False]


def test_the_limit_of_a_request_comes_before_that_of_the_tests(executor: Executor) -> None:
    tests = CallTests("f", (CallTest((), {}, 1),), test_limit_s=60)
    program = f"{BUSY}def f():\n    spend(3)\n    return 1\n"
    result = executor.execute(ExecutionRequest(program, tests, limits=ResourceLimits(test_s=0.3)))
    assert (result.verdict, result.reason) == (Verdict.TIMEOUT, "cpu")
    assert result.cpu_s < 2


@pytest.fixture(params=[False, True], ids=["together", "fork per test"])
def share(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_all_tests_give_the_share_that_passes(share: bool) -> None:
    tests = CallTests("f", tuple(CallTest((n,), {}, n * n) for n in range(5)))
    program = "def f(n):\n    if n == 3: raise ValueError\n    return n * n if n != 1 else 0\n"
    with Executor(workers=1, fork_per_test=share) as executor:
        result: ExecutionResult = executor.execute(ExecutionRequest(program, tests, all_tests=True))
    assert (result.outcome, result.tests_passed, result.tests_total) == ("wrong_answer", 3, 5)
