"""The executor: it takes programs and yields verdicts in input order, with every worker busy and bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Final, Literal

from prlcoder.executor.compiled_tests import PlanCache
from prlcoder.executor.expected_outputs import ExpectedOutputs, OracleError
from prlcoder.executor.judging.limits import with_test_limit
from prlcoder.executor.judging.orders import LOST_TRACE, RunOutcome, Session
from prlcoder.executor.judging.sessions import open_session
from prlcoder.executor.packages import PackageFolder
from prlcoder.executor.pool import ORDERS_PER_WORKER, JailPool, require_profile
from prlcoder.executor.protocol import ClosingRunner
from prlcoder.executor.run_code import FreeRun, open_free_run
from prlcoder.executor.verdicts import ExecutionRequest, ExecutionResult, ResourceLimits
from prlcoder.executor.worker import JailTask

ResultCallback = Callable[[ExecutionResult], None]
Abandon = Callable[[], None]

MAX_OPEN_PER_WORKER: Final = 32  # items drawn per worker while the oldest result is still missing


class Executor(ClosingRunner):
    """A pool of jails, for one thread. Several ``run`` iterators may be open at once."""

    def __init__(
        self,
        *,
        workers: int | None = None,
        jail: Literal["zygote", "per-run"] = "zygote",
        profile: Literal["auto", "namespaces", "gvisor", "degraded"] = "auto",
        limits: ResourceLimits = ResourceLimits(),  # noqa: B008 (frozen)
        max_limits: ResourceLimits | None = None,
        fork_per_test: bool = False,
        packages: PackageFolder | None = None,
        on_retired: Callable[[], None] | None = None,
    ) -> None:
        """Start the jails. Raises ``WorkError`` with a remedy if the kernel refuses the profile's isolation.

        ``jail="per-run"`` starts a new jail for every run. ``fork_per_test`` runs every call or assert in a separate
        process, so that no test sees what an earlier one changed; tests with loops or helpers still share a process.
        ``max_limits`` bounds how far a limit per test can raise the limits of a program. ``packages`` is a folder of
        packages that programs and tests may import. ``on_retired`` is called when a jail is replaced because it gave a
        wrong answer to the canary.
        """
        self.profile = require_profile(profile)
        self._limits, self._max_limits = limits, max_limits
        self._workers = workers or len(os.sched_getaffinity(0))
        self._plans = PlanCache(fork_per_test)
        self._expected = ExpectedOutputs(self.execute)
        self.packages = packages
        self._pool = JailPool(self._workers, self.profile, jail == "per-run", packages, on_retired)

    def close(self) -> None:
        """End every jail, whatever it is doing."""
        self._pool.close()

    def run(self, items: Iterable[ExecutionRequest]) -> Iterator[ExecutionResult]:
        """Yield results in input order. Items are drawn as workers become free, a bounded number ahead."""
        source = iter(items)
        jobs: deque[_ExecutionJob] = deque()
        drawn = 0
        unfinished: set[int] = set()
        exhausted = False
        try:
            while True:
                while (
                    not exhausted
                    and len(unfinished) < self._workers * (ORDERS_PER_WORKER + 1)
                    and len(jobs) < self._window()
                ):
                    item = next(source, None)
                    if item is None:
                        exhausted = True
                        break
                    drawn += 1
                    unfinished.add(drawn)
                    jobs.append(self._start(item, partial(_forget, unfinished, drawn)))
                while jobs and jobs[0].result is not None:
                    yield jobs.popleft().result  # type: ignore[misc]
                if not jobs and exhausted:
                    return
                if jobs:
                    self._pool.pump(1.0)
        finally:
            for job in jobs:
                job.abandon()

    def submit(self, item: ExecutionRequest | FreeRun, done: ResultCallback) -> Abandon:
        """Start one item beside the others; ``pump`` calls ``done`` with its result as soon as it is ready.

        Returns a function that abandons the item: its runs are ended and ``done`` is not called.
        """
        return self._start(item, done).abandon

    def pump(self, timeout_s: float) -> None:
        """Make progress with the submitted items. Returns on ``wake``, or after ``timeout_s`` seconds.

        Raises ``WorkError`` if a jail that died cannot be replaced. The executor is then unusable.
        """
        self._pool.pump(timeout_s)

    def wake(self) -> None:
        """Let a waiting ``pump`` return. This is the only method that another thread may call."""
        self._pool.wake()

    def _window(self) -> int:
        return self._workers * MAX_OPEN_PER_WORKER

    def _start(self, item: ExecutionRequest | FreeRun, done: ResultCallback | None = None) -> _ExecutionJob:
        session = open_free_run(item) if isinstance(item, FreeRun) else self._open(item)
        job = _ExecutionJob(self._pool, session, self.profile, done)
        job.advance(None)
        return job

    def _open(self, item: ExecutionRequest) -> Session:
        try:
            tests = self._expected.of(item.tests, item.preamble)
        except OracleError as error:
            return _finished(ExecutionResult(None, f"test_error: {error}"))
        plan = self._plans.plan(tests)
        limits = with_test_limit(item.limits or self._limits, plan, self._max_limits)
        return open_session(item, plan, limits, self.profile)


def _finished(result: ExecutionResult) -> Session:
    """The session of an item that needs no run."""
    return result
    yield  # makes this function a generator


def _forget(unfinished: set[int], number: int, _: ExecutionResult) -> None:
    unfinished.discard(number)


class _ExecutionJob:
    """Drives one session: submits its orders, sends it their outcomes, stores its result and passes it to ``done``."""

    def __init__(self, pool: JailPool, session: Session, profile: str, done: ResultCallback | None) -> None:
        self._pool, self._session, self._profile, self._done = pool, session, profile, done
        self._task: JailTask | None = None
        self.result: ExecutionResult | None = None

    def advance(self, outcome: RunOutcome | str | None) -> None:
        """Continue the session with an outcome (None at the start), or fail it with the reason why there is none."""
        if isinstance(outcome, str) and self._task is not None and self._task.order.trace:
            outcome = LOST_TRACE  # the verdict is known already
        if isinstance(outcome, str):
            self._session.close()
            self._finish(ExecutionResult(None, f"sandbox_error: {outcome}", profile=self._profile))
            return
        try:
            order = next(self._session) if outcome is None else self._session.send(outcome)
        except StopIteration as end:
            self._finish(end.value)
        else:
            self._task = self._pool.submit(order, self.advance)

    def _finish(self, result: ExecutionResult) -> None:
        self.result = result if result.profile else replace(result, profile=self._profile)
        if self._done is not None:
            self._done(self.result)

    def abandon(self) -> None:
        """End this job's run, because nobody waits for its result any more."""
        if self.result is None and self._task is not None:
            self._session.close()
            self._pool.cancel(self._task)
