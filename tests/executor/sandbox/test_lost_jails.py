"""Jails, programs and supervisors that are killed: what is run again, and what outlives them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.executor.sandbox.small_programs import RIGHT, SLEEPY, TWICE

from prlcoder.executor import ExecutionRequest, Executor, ResourceLimits, worker

pytestmark = pytest.mark.needs_sandbox


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
