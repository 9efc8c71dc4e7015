"""The executor as its callers see it: order, laziness, limits, labels."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import pytest
from tests.executor.sandbox.small_programs import RIGHT, TWICE, verdicts

from prlcoder.executor import ExecutionRequest, Executor, ResourceLimits, Verdict
from prlcoder.problems.model import AssertTests, CallTest, CallTests, Comparison, StdioTest, StdioTests

pytestmark = pytest.mark.needs_sandbox


def test_results_come_in_input_order() -> None:
    def program(number: int) -> str:
        pause = 0.1 if number % 7 == 0 else 0
        return f"import time\ntime.sleep({pause})\ndef f(n):\n    return {number}\n"

    def items() -> Iterator[ExecutionRequest]:
        for number in range(30):
            yield ExecutionRequest(program(number), CallTests("f", (CallTest((0,), {}, number if number % 3 else -1),)))

    with Executor(workers=2) as executor:
        passed = [result.passed for result in executor.run(items())]
    assert passed == [number % 3 != 0 for number in range(30)]


def test_items_are_drawn_a_bounded_number_ahead() -> None:
    drawn = 0

    def endless() -> Iterator[ExecutionRequest]:
        nonlocal drawn
        while True:
            drawn += 1
            yield ExecutionRequest(RIGHT, TWICE)

    with Executor(workers=1) as executor:
        results = executor.run(endless())
        for _ in range(50):
            assert next(results).passed
        assert drawn <= 50 + 64
        results.close()
        assert executor.execute(ExecutionRequest(RIGHT, TWICE)).passed


def test_two_runs_at_once_do_not_mix(executor: Executor) -> None:
    first = executor.run(ExecutionRequest(RIGHT, TWICE) for _ in range(5))
    second = executor.run(ExecutionRequest("def f(n): return 0", TWICE) for _ in range(5))
    assert [(a.passed, b.passed) for a, b in zip(first, second, strict=True)] == [(True, False)] * 5


def test_counts_stop_at_the_first_failure_unless_asked(executor: Executor) -> None:
    odd = "def f(n):\n    return 2 * n if n != 1 else 0\n"
    short, full = executor.run([ExecutionRequest(odd, TWICE), ExecutionRequest(odd, TWICE, all_tests=True)])
    assert (short.verdict, short.tests_passed, short.tests_total) == (Verdict.WRONG_ANSWER, 1, 4)
    assert (full.verdict, full.tests_passed, full.tests_total) == (Verdict.WRONG_ANSWER, 3, 4)


def test_all_tests_go_on_after_an_exception(executor: Executor) -> None:
    result = executor.execute(
        ExecutionRequest("def f(n):\n    return 2 * n if n != 1 else 1 / 0\n", TWICE, all_tests=True)
    )
    assert (result.verdict, result.reason, result.tests_passed) == (Verdict.RUNTIME_ERROR, "ZeroDivisionError", 3)


@pytest.mark.namespaces_profile
def test_answers_before_a_crash_count(executor: Executor) -> None:
    crash = "import os\ndef f(n):\n    if n == 2: os.kill(os.getpid(), 9) or os._exit(5)\n    return 2 * n\n"
    result = executor.execute(ExecutionRequest(crash, TWICE))
    assert (result.verdict, result.reason, result.tests_passed) == (Verdict.RUNTIME_ERROR, "exit_code 5", 2)


def test_a_wrong_answer_ends_a_long_run_early(executor: Executor) -> None:
    slow = "import time\ndef f(n):\n    if n > 0: time.sleep(60)\n    return -1\n"
    result = executor.execute(ExecutionRequest(slow, TWICE, limits=ResourceLimits(cpu_s=2, wall_s=30)))
    assert (result.verdict, result.tests_passed) == (Verdict.WRONG_ANSWER, 0)
    assert result.wall_s < 30


def test_state_lasts_from_call_to_call_but_not_from_program_to_program(executor: Executor) -> None:
    count = "seen = []\ndef f(n):\n    seen.append(n)\n    return len(seen)\n"
    tests = CallTests("f", (CallTest((0,), {}, 1), CallTest((0,), {}, 2)))
    assert [result.passed for result in executor.run([ExecutionRequest(count, tests)] * 3)] == [True] * 3


def test_a_fork_per_test_shares_nothing_between_tests(executor: Executor) -> None:
    count = "seen = []\ndef f(n):\n    seen.append(n)\n    return len(seen)\n"
    calls = CallTests("f", tuple(CallTest((0,), {}, 1) for _ in range(3)))
    asserts = AssertTests("assert f(0) == 1\nassert f(0) == 1\nassert f(0) == 2", "f", check=False)
    items = [
        ExecutionRequest(count, calls),
        ExecutionRequest(count, asserts, all_tests=True),
        ExecutionRequest("def f(", calls),
    ]
    assert [(result.verdict, result.tests_passed) for result in executor.run(items)] == [
        (Verdict.WRONG_ANSWER, 1),
        (Verdict.WRONG_ANSWER, 1),
        (Verdict.COMPILE_ERROR, 0),
    ]
    slow = "import time\ndef f(n):\n    time.sleep(0.4)\n    return 1\n"
    with Executor(workers=1, fork_per_test=True) as forking:
        assert [(result.verdict, result.tests_passed) for result in forking.run(items)] == [
            (Verdict.PASSED, 3),
            (Verdict.WRONG_ANSWER, 2),
            (Verdict.COMPILE_ERROR, 0),
        ]
        late = forking.execute(ExecutionRequest(slow, calls, limits=ResourceLimits(cpu_s=2, wall_s=1)))
        assert late.verdict is Verdict.TIMEOUT  # the limit is the program's, not the test's


def test_the_entry_point_is_evaluated_for_every_call(executor: Executor) -> None:
    count = (
        "class Solution:\n"
        "    def __init__(self): self.seen = 0\n"
        "    def f(self, n):\n"
        "        self.seen += 1\n"
        "        return self.seen\n"
    )
    tests = CallTests("Solution().f", (CallTest((0,), {}, 1), CallTest((), {"n": 0}, 1)))
    assert executor.execute(ExecutionRequest(count, tests)).passed


@pytest.mark.parametrize(
    ("comparison", "passed"), [(Comparison.VALUE, [True, True, False]), (Comparison.STRICT, [False, False, False])]
)
def test_call_comparisons(executor: Executor, comparison: Comparison, passed: list[bool]) -> None:
    programs = ("def f(): return (1, 2)", "def f(): return [True, 2.0]", "def f(): return [2, 1]")
    tests = CallTests("f", (CallTest((), {}, [1, 2]),), comparison)
    assert [
        result.passed for result in executor.run(ExecutionRequest(program, tests) for program in programs)
    ] == passed


def test_each_standard_input_test_is_a_process_of_its_own(executor: Executor) -> None:
    program = "import os\nprint(os.path.exists('seen'))\nopen('seen', 'w').close()\nprint(input())\n"
    tests = StdioTests(tuple(StdioTest(f"{n}\n", f"False\n{n}\n") for n in range(3)))
    result = executor.execute(ExecutionRequest(program, tests))
    assert (result.verdict, result.tests_passed) == (Verdict.PASSED, 3)


def test_limits_are_for_all_tests_together(executor: Executor) -> None:
    tests = StdioTests(tuple(StdioTest("", "1\n") for _ in range(20)))
    item = ExecutionRequest(
        "import time\ntime.sleep(0.3)\nprint(1)\n", tests, limits=ResourceLimits(cpu_s=2, wall_s=1.5)
    )
    result = executor.execute(item)
    assert (result.verdict, result.reason) == (Verdict.TIMEOUT, "wall")
    assert 1 <= result.tests_passed <= 4


def test_the_kernels_cpu_limit_is_only_the_last_resort(executor: Executor) -> None:
    """It counts ticks, and would kill a program on a busy machine before its time is up."""
    program = "import resource\ndef f(): return list(resource.getrlimit(resource.RLIMIT_CPU))\n"
    tests = CallTests("f", (CallTest((), {}, [17, 17]),))
    assert executor.execute(ExecutionRequest(program, tests, limits=ResourceLimits(cpu_s=8, wall_s=16))).passed


def test_large_inputs_and_outputs(executor: Executor) -> None:
    text = "x" * 3_000_000
    tests = StdioTests((StdioTest(text, text),), Comparison.EXACT)
    assert executor.execute(ExecutionRequest("print(input(), end='')", tests)).passed
    calls = CallTests("f", (CallTest((text,), {}, text),))
    assert executor.execute(ExecutionRequest("def f(x): return x", calls)).passed


def test_a_preamble_runs_first_and_is_not_the_program(executor: Executor) -> None:
    item = ExecutionRequest("def f(n): return TWO * n", TWICE, preamble="from math import *\nTWO = 2")
    broken = ExecutionRequest(RIGHT, TWICE, preamble="TWO = (")
    raising = ExecutionRequest(RIGHT, TWICE, preamble="1 / 0")
    assert verdicts(executor.run([item, broken, raising])) == [
        (Verdict.PASSED, ""),
        (Verdict.COMPILE_ERROR, "SyntaxError"),
        (Verdict.RUNTIME_ERROR, "ZeroDivisionError"),
    ]


def test_many_preambles(executor: Executor) -> None:
    items = (
        ExecutionRequest("def f(n): return n * K", CallTests("f", (CallTest((1,), {}, k),)), f"K = {k}")
        for k in range(150)
    )
    assert all(result.passed for result in executor.run(items))


def test_objects_of_the_preambles_classes_cross_between_tester_and_candidate(executor: Executor) -> None:
    preamble = textwrap.dedent(
        """
        class ListNode:
            def __init__(self, val=0, next=None):
                self.val = val
                self.next = next
        def list_node(values):
            head = None
            for value in reversed(values):
                head = ListNode(value, head)
            return head
        def same(a, b):
            while a and b and a.val == b.val:
                a, b = a.next, b.next
            return a is b is None
        """
    )
    source = (
        "def check(candidate):\n"
        "    for n in (0, 3, 3000):\n"
        "        assert same(candidate(list_node(range(n))), list_node(range(n)[::-1]))\n"
    )
    reverse = (
        "def f(head):\n"
        "    last = None\n"
        "    while head:\n"
        "        head.next, last, head = last, head, head.next\n"
        "    return last\n"
    )
    cycle = "def f(head):\n    n = ListNode(0)\n    n.next = n\n    return n\n"
    tests = AssertTests(source, "f", check=True)
    same = "def f(head): return head"
    assert verdicts(executor.run(ExecutionRequest(program, tests, preamble) for program in (reverse, same, cycle))) == [
        (Verdict.PASSED, ""),
        (Verdict.WRONG_ANSWER, ""),
        (Verdict.WRONG_ANSWER, ""),
    ]


def test_objects_of_the_candidates_classes_stay_with_it(executor: Executor) -> None:
    program = (
        "class Node:\n"
        "    def __init__(self, n): self.n, self.left = n, None\n"
        "def total(node):\n"
        "    return node.n + total(node.left) if node else 0\n"
    )
    setup = "root = Node(1)\nroot.left = Node(2)\nroot.left.left = Node(4)\n"
    right = AssertTests("assert total(root) == 7\nassert root.left.n == 2", "total", check=False, setup=setup)
    wrong = AssertTests("assert total(root) == 8", "total", check=False, setup=setup)
    assert [
        result.passed for result in executor.run([ExecutionRequest(program, right), ExecutionRequest(program, wrong)])
    ] == [
        True,
        False,
    ]


def test_a_tester_may_expect_an_exception(executor: Executor) -> None:
    source = (
        "def check(candidate):\n"
        "    try:\n"
        "        candidate(0)\n"
        "    except ZeroDivisionError:\n"
        "        return\n"
        "    assert False\n"
    )
    tests = AssertTests(source, "f", check=True)
    programs = ("def f(n): return 1 / n", "def f(n): return 0", "def f(n): raise KeyError")
    assert verdicts(executor.run(ExecutionRequest(program, tests) for program in programs)) == [
        (Verdict.PASSED, ""),
        (Verdict.WRONG_ANSWER, ""),
        (Verdict.RUNTIME_ERROR, "KeyError"),
    ]


def test_results_say_what_was_spent(executor: Executor) -> None:
    burn = (
        "import time\n"
        "end = time.process_time() + 0.2\n"
        "while time.process_time() < end: pass\n"
        "x = bytearray(100 << 20)\n" + RIGHT
    )
    result = executor.execute(ExecutionRequest(burn, TWICE))
    assert result.passed
    assert 0.2 <= result.cpu_s <= result.wall_s + 0.05
    assert result.memory_mib >= 100
    assert set(result.timings_s) == {"fork", "compile", "run", "compare"}
