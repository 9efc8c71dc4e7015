"""The executor: programs in, verdicts out, in order, with every worker busy and memory flat."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Final, Literal, Self

from prlcoder.executor.compiled_tests import Plans
from prlcoder.executor.judge import RunOutcome, Session, open_session
from prlcoder.executor.pool import DEPTH, JailPool, JailTask, require_profile
from prlcoder.executor.run_code import FreeRun, open_free_run
from prlcoder.executor.verdicts import ExecutionRequest, ExecutionResult, ResourceLimits

ResultCallback = Callable[[ExecutionResult], None]
Abandon = Callable[[], None]

LOOK_AHEAD: Final = 32  # items a worker that are drawn before the oldest result is due


class Executor:
    """A pool of jails. Not for use by several threads at once; several open ``run`` iterators are fine."""

    def __init__(
        self,
        *,
        workers: int | None = None,
        jail: Literal["zygote", "per-run"] = "zygote",
        profile: Literal["auto", "namespaces", "gvisor", "degraded"] = "auto",
        limits: ResourceLimits = ResourceLimits(),  # noqa: B008 (frozen)
        fork_per_test: bool = False,
    ) -> None:
        """Starts the jails. ``WorkError`` with a remedy where the kernel refuses the profile's isolation.

        ``fork_per_test``: a process of its own for every test that is a call or an assert, so that nothing a test
        changes is seen by the next (tests with loops and helpers of their own still share one).
        """
        self.profile = require_profile(profile)
        self._limits = limits
        self._workers = workers or len(os.sched_getaffinity(0))
        self._plans = Plans(fork_per_test)
        self._pool = JailPool(self._workers, self.profile, single_use=jail == "per-run")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every jail, whatever it is doing."""
        self._pool.close()

    def execute(self, item: ExecutionRequest) -> ExecutionResult:
        """One item's result."""
        return next(self.run([item]))

    def run(self, items: Iterable[ExecutionRequest]) -> Iterator[ExecutionResult]:
        """Results in input order. Items are drawn as workers come free, a bounded number ahead of the results."""
        source = iter(items)
        jobs: deque[_ExecutionJob] = deque()
        drawn = 0
        unfinished: set[int] = set()
        exhausted = False
        try:
            while True:
                while not exhausted and len(unfinished) < self._workers * (DEPTH + 1) and len(jobs) < self._window():
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
        """Start one item beside the others; ``done`` gets its result from ``pump``, whenever it is ready. Returns the
        function that abandons it: it frees the item's work, and ``done`` is not called."""
        return self._start(item, done).abandon

    def pump(self, timeout_s: float) -> None:
        """Go on with what was submitted; returns after at most ``timeout_s`` seconds, or ``wake``, without any news.
        ``WorkError`` if a jail that died cannot be replaced: the executor is then of no more use."""
        self._pool.pump(timeout_s)

    def wake(self) -> None:
        """Let a waiting ``pump`` return. The one method that another thread may call."""
        self._pool.wake()

    def _window(self) -> int:
        return self._workers * LOOK_AHEAD

    def _start(self, item: ExecutionRequest | FreeRun, done: ResultCallback | None = None) -> _ExecutionJob:
        session = (
            open_free_run(item)
            if isinstance(item, FreeRun)
            else open_session(item, self._plans.plan(item.tests), item.limits or self._limits, self.profile)
        )
        job = _ExecutionJob(self._pool, session, self.profile, done)
        job.advance(None)
        return job


def _forget(unfinished: set[int], number: int, _: ExecutionResult) -> None:
    unfinished.discard(number)


class _ExecutionJob:
    """Drives one session: submits its orders, feeds it their outcomes, keeps its result.

    ``done`` gets it as well.
    """

    def __init__(self, pool: JailPool, session: Session, profile: str, done: ResultCallback | None) -> None:
        self._pool, self._session, self._profile, self._done = pool, session, profile, done
        self._task: JailTask | None = None
        self.result: ExecutionResult | None = None

    def advance(self, outcome: RunOutcome | str | None) -> None:
        """Go on with what came back: an outcome, or the reason why there is none."""
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
        """Nobody waits for this job any more: end what runs of it."""
        if self.result is None and self._task is not None:
            self._session.close()
            self._pool.cancel(self._task)
