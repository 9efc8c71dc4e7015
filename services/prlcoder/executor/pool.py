"""Workers: jails that are fed orders ahead of time, watched, and replaced when they die."""

from __future__ import annotations

import os
import selectors
import struct
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from prlcoder.errors import WorkError
from prlcoder.executor import cgroups, jail
from prlcoder.executor.jailed import wire
from prlcoder.executor.judge import MIB, Order, RunOutcome

DEPTH: Final = 2  # orders a worker holds: one runs, the next waits at its door
ATTEMPTS: Final = 3
STOP_AGAIN_S: Final = 0.02  # between two requests to end a cancelled run
GRACE_S: Final = 10.0  # beyond its wall limit, before a run counts as lost and its jail is killed
PREAMBLES: Final = 64  # compiled preambles that a zygote keeps
BUFFER: Final = 1 << 16

OutcomeCallback = Callable[[RunOutcome | str], None]


@dataclass(eq=False)
class JailTask:
    """An order on its way. ``done`` gets its outcome, or what went wrong three times."""

    number: int
    order: Order
    done: OutcomeCallback
    attempts: int = 0
    answers: bytearray = field(default_factory=bytearray)
    stopped: bool = False


class Worker:
    """One jail with its queue. Reads and writes never block."""

    def __init__(self, running: jail.Jail, *, ready: bool = True, failed_starts: int = 0) -> None:
        self.jail = running
        self.ready = ready  # whether its zygote has loaded; no orders before that
        self.broken = False  # its zygote has said that it could not run an order, and leaves
        self.failed_starts = failed_starts  # jails in this one's place that never became ready, one after the other
        self.tasks: deque[JailTask] = deque()
        self.head_since = time.monotonic()
        self.outgoing = bytearray()
        self.watched_for_room = False  # whether the pool waits for room to write
        self._incoming = bytearray()
        self._buffer = bytearray(BUFFER)  # one for all reads: a new large one each time is a mapping made and unmade
        self._preambles: OrderedDict[str, int] = OrderedDict()

    def accept(self, task: JailTask) -> None:
        """Queue the order's bytes and send what the socket takes."""
        order, limits = task.order, task.order.limits
        if self.jail.group is not None:
            self.jail.group.allow(limits.memory_mib, limits.processes)
        header = wire.REQUEST.pack(
            task.number,
            order.kind,
            self._preamble(order.preamble),
            limits.cpu_s,
            limits.wall_s,
            limits.memory_mib * MIB,
            limits.output_mib * MIB,
            limits.processes,
            len(order.body),
            len(order.tester),
        )
        self.outgoing += b"".join((header, order.tester, order.body))
        task.answers.clear()
        task.stopped = False
        if not self.tasks:
            self.head_since = time.monotonic()
        self.tasks.append(task)
        self.flush()

    def _preamble(self, text: str) -> int:
        """The number under which the zygote knows the preamble; sent first if it does not."""
        if not text:
            return wire.NO_PREAMBLE
        if text in self._preambles:
            self._preambles.move_to_end(text)
            return self._preambles[text]
        full = len(self._preambles) >= PREAMBLES
        number = self._preambles.popitem(last=False)[1] if full else len(self._preambles)
        self._preambles[text] = number
        data = text.encode("utf-8", "surrogatepass")
        self.outgoing += wire.REQUEST.pack(0, wire.PREAMBLE, number, 0, 0, 0, 0, 0, len(data), 0) + data
        return number

    def flush(self) -> None:
        """Send without blocking. ``OSError`` if the jail has gone."""
        try:
            sent = self.jail.control.send(self.outgoing)
        except BlockingIOError:
            return
        del self.outgoing[:sent]

    def receive(self) -> list[tuple[JailTask, RunOutcome]]:
        """Finished tasks; ``broken`` may be true after them. ``EOFError`` or ``OSError`` if the jail has gone."""
        count = self.jail.control.recv_into(self._buffer)
        if not count:
            raise EOFError
        self._incoming += memoryview(self._buffer)[:count]
        if not self.ready and not self._take_greeting():
            return []
        finished = []
        while (outcome := self._next_outcome()) is not None:
            task = self.tasks[0]
            if outcome.report.end == wire.PARTIAL:
                self._weigh(task, outcome.answers)
                continue
            if _failed(outcome):
                self.broken = True
                break
            self.tasks.popleft()
            self.head_since = time.monotonic()
            whole = bytes(task.answers) + outcome.answers if task.answers else outcome.answers
            finished.append((task, RunOutcome(outcome.report, outcome.stage, whole, outcome.output)))
        return finished

    def _take_greeting(self) -> bool:
        """Whether the zygote's first words have come. ``EOFError`` if they are not what a zygote says."""
        size = len(wire.READY)
        if not wire.READY.startswith(self._incoming[:size]):
            raise EOFError
        if len(self._incoming) < size:
            return False
        del self._incoming[:size]
        self.ready, self.failed_starts = True, 0
        return True

    def _next_outcome(self) -> RunOutcome | None:
        """Cut one whole report off the incoming bytes."""
        if len(self._incoming) < wire.REPORT.size:
            return None
        report = wire.Report(*wire.REPORT.unpack_from(self._incoming))
        answers = wire.REPORT.size + report.stage
        output = answers + report.answers
        end = output + report.output
        if len(self._incoming) < end:
            return None
        data = bytes(memoryview(self._incoming)[:end])
        del self._incoming[:end]
        return RunOutcome(report, data[wire.REPORT.size : answers], data[answers:output], data[output:])

    def _weigh(self, task: JailTask, answers: bytes) -> None:
        """Stop a long run whose verdict is certain already."""
        task.answers += answers
        if task.order.certain is not None and not task.stopped and task.order.certain(bytes(task.answers)):
            self.stop(task)

    def stop(self, task: JailTask) -> None:
        """Ask the zygote to end this run; it ignores the number of a run that is not the current one."""
        task.stopped = True
        os.write(self.jail.stop, struct.pack("<Q", task.number))

    def overdue(self, now: float) -> bool:
        """Whether the zygote should have loaded, or ended the run at the head, long ago."""
        if not self.ready:
            return now > self.head_since + jail.START_TIMEOUT_S
        return bool(self.tasks) and now > self.head_since + self.tasks[0].order.limits.wall_s + GRACE_S


def _failed(outcome: RunOutcome) -> bool:
    """Whether the run broke before any of the program's code: nothing can be said about the program."""
    report = outcome.report
    trusted = report.end == wire.EXITED and os.waitstatus_to_exitcode(report.status) == wire.TRUSTED_FAILURE
    return report.end == wire.BROKEN or (trusted and not outcome.stage)


class JailPool:
    """``workers`` jails of one profile. With ``single_use`` each runs one order and is replaced."""

    def __init__(self, workers: int, profile: jail.Profile, single_use: bool) -> None:
        self._profile: jail.Profile = profile
        place = cgroups.delegated()
        self._place = place if isinstance(place, Path) and cgroups.prepare(place) else None
        self._single_use = single_use
        self._depth = 1 if single_use else DEPTH
        self._selector = selectors.DefaultSelector()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._waiting: deque[JailTask] = deque()
        self._numbers = 0
        self._workers: list[Worker] = []
        started: list[jail.Jail] = []
        try:
            for _ in range(workers):
                started.append(jail.start(profile, self._place))  # noqa: PERF401 (what has started must be closed on an error)
            for running in started:  # they load side by side
                jail.await_ready(running)
                self._adopt(Worker(running))
        except BaseException:
            for running in started:
                running.close()
            self._selector.close()
            os.close(self._bell)
            raise

    def close(self) -> None:
        """End every jail."""
        for worker in self._workers:
            worker.jail.close()
        self._workers.clear()
        self._selector.close()
        os.close(self._bell)

    def wake(self) -> None:
        """Let a waiting ``pump`` return; from any thread."""
        os.eventfd_write(self._bell, 1)

    def submit(self, order: Order, done: OutcomeCallback) -> JailTask:
        """Queue an order; ``done`` is called from ``pump``."""
        self._numbers += 1
        task = JailTask(self._numbers, order, done)
        self._waiting.append(task)
        self._dispatch()
        return task

    def cancel(self, task: JailTask) -> None:
        """Forget a task, and end its run if it has one."""
        task.done = _ignore
        if task in self._waiting:
            self._waiting.remove(task)
        for worker in self._workers:
            if task in worker.tasks:
                self._ask_to_stop(worker, task)

    def pump(self, timeout_s: float) -> None:
        """Move bytes and finish tasks; returns after at most ``timeout_s`` seconds without any."""
        if self._stop_cancelled():
            timeout_s = min(timeout_s, STOP_AGAIN_S)
        for key, events in self._selector.select(timeout_s):
            worker = key.data
            if worker is None:
                os.eventfd_read(self._bell)
                continue
            if worker not in self._workers:  # replaced on account of an earlier event: a new order found it dead
                continue
            try:
                if events & selectors.EVENT_WRITE:
                    self._flush(worker)
                if events & selectors.EVENT_READ:
                    self._deliver(worker, worker.receive())
                    if worker.broken and worker in self._workers:
                        raise EOFError
            except (EOFError, OSError):
                self._replace(worker, "its jail died")
        now = time.monotonic()
        for worker in [worker for worker in self._workers if worker.overdue(now)]:
            self._replace(worker, "its jail did not answer")
        self._dispatch()

    def _stop_cancelled(self) -> bool:
        """Ask again for the end of cancelled runs that are at a head: a zygote ignores what comes before the run has
        begun. Whether there are any."""
        heads = [worker for worker in self._workers if worker.tasks and worker.tasks[0].done is _ignore]
        for worker in heads:
            self._ask_to_stop(worker, worker.tasks[0])
        return bool(heads)

    def _ask_to_stop(self, worker: Worker, task: JailTask) -> None:
        with suppress(OSError):  # the jail has gone; its control channel tells
            worker.stop(task)

    def _adopt(self, worker: Worker) -> None:
        self._workers.append(worker)
        self._selector.register(worker.jail.control, selectors.EVENT_READ, worker)

    def _dispatch(self) -> None:
        """Hand waiting tasks to the workers with the shortest queues."""
        while self._waiting:
            worker = min(self._workers, key=self._burden)
            if self._burden(worker) >= self._depth:
                return
            try:
                worker.accept(self._waiting.popleft())
                self._watch(worker)
            except OSError:
                self._replace(worker, "its jail died")

    def _burden(self, worker: Worker) -> int:
        """The length of its queue; one that is not ready counts as full."""
        return len(worker.tasks) if worker.ready else self._depth

    def _flush(self, worker: Worker) -> None:
        worker.flush()
        self._watch(worker)

    def _watch(self, worker: Worker) -> None:
        """Wait for room to write only while something is left to send."""
        wanted = bool(worker.outgoing)
        if worker.watched_for_room != wanted:
            worker.watched_for_room = wanted
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if wanted else 0)
            self._selector.modify(worker.jail.control, events, worker)

    def _deliver(self, worker: Worker, finished: list[tuple[JailTask, RunOutcome]]) -> None:
        if finished and self._single_use:
            self._replace(worker, "")
        for task, outcome in finished:
            task.done(outcome)

    def _replace(self, worker: Worker, why: str) -> None:
        """A new jail for ``worker``'s place, which loads while the others go on. Its tasks run again; the first one
        loses an attempt. ``WorkError`` if no jail comes up there."""
        self._selector.unregister(worker.jail.control)
        self._workers.remove(worker)
        failed = 0 if worker.ready else worker.failed_starts + 1
        cause = jail.log_of(worker.jail) if failed >= ATTEMPTS else ""
        worker.jail.close()
        if failed >= ATTEMPTS:
            raise WorkError(jail.explain(cause))
        tasks = list(worker.tasks)
        if tasks:
            tasks[0].attempts += 1
        running = jail.start(self._profile, self._place)
        running.control.setblocking(False)
        self._adopt(Worker(running, ready=False, failed_starts=failed))
        for task in reversed(tasks):
            if task.attempts >= ATTEMPTS:
                task.done(why)
            else:
                self._waiting.appendleft(task)


def _ignore(_: RunOutcome | str) -> None:
    """What a cancelled task's outcome is for."""


def require_profile(profile: str) -> jail.Profile:
    """``auto`` means real isolation, by what the kernel is; anything weaker must be asked for by name."""
    match profile:
        case "auto":
            return "gvisor" if jail.inside_gvisor() else "namespaces"
        case "namespaces" | "gvisor" | "degraded":
            return profile
    raise WorkError(f"unknown sandbox profile {profile!r}; choose auto, namespaces, gvisor or degraded")
