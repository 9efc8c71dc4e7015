"""A pool of workers: jails that get orders ahead of time, are watched, and are replaced when they die."""

from __future__ import annotations

import os
import selectors
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from prlcoder.errors import WorkError
from prlcoder.executor import canary, cgroups, jail
from prlcoder.executor.judging.orders import Order, RunOutcome
from prlcoder.executor.packages import PackageFolder
from prlcoder.executor.worker import JailTask, OutcomeCallback, Worker
from prlcoder.telemetry.logs import logger
from prlcoder.telemetry.progress import note_work

ORDERS_PER_WORKER: Final = 2  # one runs, and the next waits in the socket so that the jail is never idle
MAX_ATTEMPTS: Final = 3
STOP_REPEAT_S: Final = 0.02  # the pause between two requests to end a cancelled run


class JailPool:
    """``workers`` jails of one profile. With ``single_use`` each jail runs one order and is then replaced.

    After every ``CANARY_EVERY`` runs a jail runs the canary. A jail that answers it wrongly is replaced, and
    ``on_retired`` is called.
    """

    def __init__(
        self,
        workers: int,
        profile: jail.Profile,
        single_use: bool,
        packages: PackageFolder | None = None,
        on_retired: Callable[[], None] | None = None,
    ) -> None:
        self._on_retired = on_retired
        self._profile: jail.Profile = profile
        place = cgroups.delegated()
        self._place = place if isinstance(place, Path) and cgroups.prepare(place) else None
        self._single_use = single_use
        self._packages = packages
        self._depth = 1 if single_use else ORDERS_PER_WORKER
        self._selector = selectors.DefaultSelector()
        self._wakeup_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._selector.register(self._wakeup_fd, selectors.EVENT_READ)
        self._waiting: deque[JailTask] = deque()
        self._numbers = 0
        self._workers: list[Worker] = []
        started: list[jail.Jail] = []
        try:
            for _ in range(workers):
                started.append(jail.start(profile, self._place, packages))  # noqa: PERF401 (started jails must be closed on an error)
            for running in started:  # wait only now, so that all zygotes load at the same time
                jail.await_ready(running)
                self._adopt(Worker(running))
        except BaseException:
            for running in started:
                running.close()
            self._selector.close()
            os.close(self._wakeup_fd)
            raise

    def close(self) -> None:
        """End every jail."""
        for worker in self._workers:
            worker.jail.close()
        self._workers.clear()
        self._selector.close()
        os.close(self._wakeup_fd)

    def wake(self) -> None:
        """Let a waiting ``pump`` return. Any thread may call this."""
        os.eventfd_write(self._wakeup_fd, 1)

    def submit(self, order: Order, done: OutcomeCallback) -> JailTask:
        """Queue an order. ``pump`` calls ``done`` with its outcome."""
        self._numbers += 1
        task = JailTask(self._numbers, order, done)
        self._waiting.append(task)
        self._dispatch()
        return task

    def cancel(self, task: JailTask) -> None:
        """Discard a task's outcome, and end its run if it is running.

        A task that was sent must stay in its worker's queue until its report arrives, because reports are matched to
        tasks by order.
        """
        task.done = _discard
        if task in self._waiting:
            self._waiting.remove(task)
        for worker in self._workers:
            if task in worker.tasks:
                self._ask_to_stop(worker, task)

    def pump(self, timeout_s: float) -> None:
        """Move bytes and finish tasks. Returns after at most ``timeout_s`` seconds without news."""
        if self._stop_cancelled():
            timeout_s = min(timeout_s, STOP_REPEAT_S)
        for key, events in self._selector.select(timeout_s):
            worker = key.data
            if worker is None:
                os.eventfd_read(self._wakeup_fd)
                continue
            if worker not in self._workers:  # it was replaced while an earlier event of this round was handled
                continue
            try:
                if events & selectors.EVENT_WRITE:
                    self._flush(worker)
                if events & selectors.EVENT_READ:
                    self._deliver(worker, worker.receive())
                    # The callbacks in _deliver may submit new orders, which may already have replaced this worker.
                    if worker.broken and worker in self._workers:
                        raise EOFError
            except (EOFError, OSError):
                self._replace(worker, "its jail died")
        now = time.monotonic()
        for worker in [worker for worker in self._workers if worker.overdue(now)]:
            self._replace(worker, "its jail did not answer")
        self._dispatch()

    def _stop_cancelled(self) -> bool:
        """Ask again for the end of cancelled runs, and return whether there are any.

        A zygote ignores a request that arrives before the run has begun, so one request is not enough.
        """
        heads = [worker for worker in self._workers if worker.tasks and worker.tasks[0].done is _discard]
        for worker in heads:
            self._ask_to_stop(worker, worker.tasks[0])
        return bool(heads)

    def _ask_to_stop(self, worker: Worker, task: JailTask) -> None:
        with suppress(OSError):  # the jail has ended, which its control socket will report
            worker.stop(task)

    def _adopt(self, worker: Worker) -> None:
        self._workers.append(worker)
        self._selector.register(worker.jail.control, selectors.EVENT_READ, worker)

    def _dispatch(self) -> None:
        """Give waiting tasks to the workers with the shortest queues."""
        while self._waiting:
            worker = min(self._workers, key=self._queue_length)
            if self._queue_length(worker) >= self._depth:
                return
            try:
                worker.accept(self._waiting.popleft())
                self._watch(worker)
            except OSError:
                self._replace(worker, "its jail died")

    def _queue_length(self, worker: Worker) -> int:
        """The length of the worker's queue. A worker that is not ready counts as full."""
        return len(worker.tasks) if worker.ready else self._depth

    def _flush(self, worker: Worker) -> None:
        worker.flush()
        self._watch(worker)

    def _watch(self, worker: Worker) -> None:
        """Watch for room to write only while something is left to send."""
        wanted = bool(worker.outgoing)
        if worker.watched_for_room != wanted:
            worker.watched_for_room = wanted
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if wanted else 0)
            self._selector.modify(worker.jail.control, events, worker)

    def _deliver(self, worker: Worker, finished: list[tuple[JailTask, RunOutcome]]) -> None:
        if finished:
            note_work()
        if finished and self._single_use:
            self._replace(worker, "")
        for task, outcome in finished:
            task.done(outcome)
        worker.runs_since_canary += len(finished)
        if worker.runs_since_canary >= canary.CANARY_EVERY and worker in self._workers:
            self._numbers += 1
            worker.runs_since_canary = 0
            worker.accept(JailTask(self._numbers, canary.CANARY, partial(self._judge_canary, worker)))
            self._watch(worker)

    def _judge_canary(self, worker: Worker, outcome: RunOutcome | str) -> None:
        """Replace the jail if it has answered wrongly. A jail that has died meanwhile is replaced already."""
        if worker not in self._workers or (isinstance(outcome, RunOutcome) and canary.is_right(outcome)):
            return
        logger("executor").warning(
            "a jail gave a wrong answer to a program whose answer is known; it is replaced. Its last %d verdicts may "
            "be wrong: run those programs again",
            canary.CANARY_EVERY,
        )
        self._replace(worker, "its jail answered the canary wrongly")
        if self._on_retired is not None:
            self._on_retired()

    def _replace(self, worker: Worker, why: str) -> None:
        """Start a new jail in place of ``worker``'s; it loads while the other workers continue.

        The tasks of the old jail run again. Only the one at the head can have caused its death, so only that one loses
        an attempt; after ``MAX_ATTEMPTS`` it fails with the reason ``why``. Raises ``WorkError`` if no jail starts.
        """
        self._selector.unregister(worker.jail.control)
        self._workers.remove(worker)
        failed = 0 if worker.ready else worker.failed_starts + 1
        cause = jail.log_of(worker.jail) if failed >= MAX_ATTEMPTS else ""
        worker.jail.close()
        if failed >= MAX_ATTEMPTS:
            raise WorkError(jail.explain(cause))
        tasks = list(worker.tasks)
        if tasks:
            tasks[0].attempts += 1
        running = jail.start(self._profile, self._place, self._packages)
        running.control.setblocking(False)
        self._adopt(Worker(running, ready=False, failed_starts=failed))
        for task in reversed(tasks):
            if task.attempts >= MAX_ATTEMPTS:
                task.done(why)
            else:
                self._waiting.appendleft(task)


def _discard(_: RunOutcome | str) -> None:
    """Discard the outcome of a cancelled task."""


def require_profile(profile: str) -> jail.Profile:
    """``auto`` selects the isolating profile that this kernel supports. A weaker one must be named explicitly."""
    match profile:
        case "auto":
            return "gvisor" if jail.inside_gvisor() else "namespaces"
        case "namespaces" | "gvisor" | "degraded":
            return profile
    raise WorkError(f"unknown sandbox profile {profile!r}; choose auto, namespaces, gvisor or degraded")
