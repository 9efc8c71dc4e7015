"""``Executor.submit`` and ``pump``: results as they come, for drivers that keep their own order."""

from __future__ import annotations

import select
import threading

import pytest

from prlcoder.executor import ExecutionRequest, ExecutionResult, Executor, Verdict
from prlcoder.executor.jail import Jail
from prlcoder.problems.model import CallTest, CallTests

pytestmark = pytest.mark.needs_sandbox

TWICE = CallTests("f", (CallTest((2,), {}, 4),))
RIGHT = "def f(n): return 2 * n"
ENDLESS = "def f(n):\n    while True: pass"


def test_a_later_short_item_overtakes_an_earlier_long_one() -> None:
    finished: list[str] = []
    with Executor(workers=2) as executor:
        executor.submit(
            ExecutionRequest(f"import time\ntime.sleep(1)\n{RIGHT}", TWICE), lambda _: finished.append("long")
        )
        executor.submit(ExecutionRequest(RIGHT, TWICE), lambda _: finished.append("short"))
        while len(finished) < 2:
            executor.pump(1.0)
    assert finished == ["short", "long"]


def test_an_abandoned_item_frees_its_worker_and_is_never_reported() -> None:
    results: list[ExecutionResult] = []
    with Executor(workers=1) as executor:
        abandon = executor.submit(ExecutionRequest(ENDLESS, TWICE), results.append)
        abandon()
        executor.submit(ExecutionRequest(RIGHT, TWICE), results.append)
        while not results:
            executor.pump(1.0)
    assert [result.verdict for result in results] == [Verdict.PASSED]


def test_another_thread_wakes_a_waiting_pump() -> None:
    with Executor(workers=1) as executor:
        pumping = threading.Thread(target=executor.pump, args=(3600.0,))
        pumping.start()
        executor.wake()
        pumping.join(60)
        assert not pumping.is_alive()


def test_submitted_items_and_runs_share_the_workers() -> None:
    results: list[ExecutionResult] = []
    with Executor(workers=1) as executor:
        for _ in range(10):
            executor.submit(ExecutionRequest(RIGHT, TWICE), results.append)
        assert [result.passed for result in executor.run([ExecutionRequest(RIGHT, TWICE)] * 10)] == [True] * 10
        while len(results) < 10:
            executor.pump(1.0)
    assert all(result.passed for result in results)


def test_an_item_is_abandoned_after_its_jail_has_died() -> None:
    results: list[ExecutionResult] = []
    with Executor(workers=1) as executor:
        abandon = executor.submit(ExecutionRequest(ENDLESS, TWICE), results.append)
        (worker,) = executor._pool._workers
        worker.jail.process.kill()
        worker.jail.process.wait()
        gone(worker.jail)
        abandon()
        executor.submit(ExecutionRequest(RIGHT, TWICE), results.append)
        while not results:
            executor.pump(1.0)
    assert [result.verdict for result in results] == [Verdict.PASSED]


def test_a_dead_jail_is_replaced_once_though_two_events_tell_of_it() -> None:
    """The other worker's result, first in line, makes new orders; one of them finds the jail dead before its own end
    of file has been looked at."""
    results: list[ExecutionResult] = []
    with Executor(workers=2) as executor:
        doomed, other = executor._pool._workers

        def more(result: ExecutionResult) -> None:
            results.append(result)
            for _ in range(2):
                executor.submit(ExecutionRequest(RIGHT, TWICE), results.append)

        executor.submit(ExecutionRequest(f"import time\ntime.sleep(0.5)\n{RIGHT}", TWICE), results.append)
        executor.submit(ExecutionRequest(RIGHT, TWICE), more)
        select.select([other.jail.control], [], [])
        doomed.jail.process.kill()
        gone(doomed.jail)
        while len(results) < 4:
            executor.pump(1.0)
        assert len(executor._pool._workers) == 2
    assert all(result.passed for result in results)


def gone(jail: Jail) -> None:
    """Wait until nobody holds the other ends of a jail's channels: its zygote has died too."""
    for channel in (jail.control, jail.stop):
        watch = select.poll()
        watch.register(channel, 0)  # hang-ups and errors are always told
        watch.poll()
