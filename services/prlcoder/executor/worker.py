"""One jail with its queue of tasks, read and written without blocking."""

from __future__ import annotations

import os
import struct
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from prlcoder.executor import jail
from prlcoder.executor.jailed import wire
from prlcoder.executor.judging.orders import MIB, Order, RunOutcome

OVERDUE_S: Final = 10.0  # a run that exceeds its wall limit by this much counts as lost, and its jail is killed
MAX_PREAMBLES: Final = 64  # compiled preambles kept per zygote
READ_BUFFER_BYTES: Final = 1 << 16

OutcomeCallback = Callable[[RunOutcome | str], None]


@dataclass(eq=False)
class JailTask:
    """An order that is waiting or running. ``done`` gets its outcome, or the reason why it failed three times.

    ``answers`` collects the candidate's records that partial reports have delivered so far.
    """

    number: int
    order: Order
    done: OutcomeCallback
    attempts: int = 0
    answers: bytearray = field(default_factory=bytearray)
    stopped: bool = False


class HandshakeError(EOFError):
    """The first bytes from a jail are not the zygote's greeting, so nothing in it can be trusted to work."""


class Worker:
    """One jail with its queue of tasks. Reads and writes never block.

    A zygote runs its orders one after the other, so the task at the head of the queue is the one that is running, and
    every report that arrives is about the head.
    """

    def __init__(self, running: jail.Jail, *, ready: bool = True, failed_starts: int = 0) -> None:
        self.jail = running
        self.ready = ready  # whether the zygote has loaded; orders are sent only after that
        self.broken = False  # whether the zygote has reported that it could not run an order; it then exits
        self.failed_starts = failed_starts  # consecutive jails in this place that never became ready
        self.runs_since_canary = 0
        self.tasks: deque[JailTask] = deque()
        self.head_since = time.monotonic()
        self.outgoing = bytearray()
        self.watched_for_room = False  # whether the pool's selector watches for room to write
        self._incoming = bytearray()
        # The buffer is reused: allocating a large one per read costs an mmap and a munmap.
        self._buffer = bytearray(READ_BUFFER_BYTES)
        self._preambles: OrderedDict[str, int] = OrderedDict()

    def accept(self, task: JailTask) -> None:
        """Queue the order's bytes and send as much as the socket takes."""
        order, limits = task.order, task.order.limits
        if self.jail.group is not None:
            self.jail.group.allow(limits.memory_mib, limits.processes)
        header = wire.REQUEST.pack(
            task.number,
            order.kind,
            self._preamble(order.preamble),
            limits.cpu_s,
            limits.wall_s,
            order.test_s,
            limits.memory_mib * MIB,
            limits.output_mib * MIB,
            limits.processes,
            len(order.body),
            len(order.tester),
            order.trace,
        )
        self.outgoing += b"".join((header, order.tester, order.body))
        task.answers.clear()  # of an earlier attempt: a task that runs again starts without records
        task.stopped = False
        if not self.tasks:
            self.head_since = time.monotonic()
        self.tasks.append(task)
        self.flush()

    def _preamble(self, text: str) -> int:
        """The number under which the zygote knows the preamble. A new preamble is sent first.

        The zygote keeps what it was sent under a number until the number is sent again, so both sides agree without
        any answer: this side decides which number to reuse.
        """
        if not text:
            return wire.NO_PREAMBLE
        if text in self._preambles:
            self._preambles.move_to_end(text)
            return self._preambles[text]
        full = len(self._preambles) >= MAX_PREAMBLES
        number = self._preambles.popitem(last=False)[1] if full else len(self._preambles)
        self._preambles[text] = number
        data = text.encode("utf-8", "surrogatepass")
        self.outgoing += wire.REQUEST.pack(0, wire.PREAMBLE, number, 0, 0, 0, 0, 0, 0, len(data), 0, 0) + data
        return number

    def flush(self) -> None:
        """Send without blocking. Raises ``OSError`` if the jail has ended."""
        try:
            sent = self.jail.control.send(self.outgoing)
        except BlockingIOError:
            return
        del self.outgoing[:sent]

    def receive(self) -> list[tuple[JailTask, RunOutcome]]:
        """Read what has arrived and return the finished tasks.

        A broken run sets ``broken`` and stays at the head of the queue, so that it runs again in the next jail. Raises
        ``EOFError`` or ``OSError`` if the jail has ended.
        """
        count = self.jail.control.recv_into(self._buffer)
        if not count:
            raise EOFError
        self._incoming += memoryview(self._buffer)[:count]
        if not self.ready and not self._read_handshake():
            return []
        finished = []
        while (outcome := self._next_outcome()) is not None:
            task = self.tasks[0]
            if outcome.report.end == wire.PARTIAL:  # the run goes on: the task stays at the head of the queue
                self._keep_partial(task, outcome.answers)
                continue
            if _failed(outcome):
                self.broken = True
                break
            self.tasks.popleft()
            self.head_since = time.monotonic()
            # Each report holds only the bytes since the one before, so all of them together are the run's answers.
            whole = bytes(task.answers) + outcome.answers if task.answers else outcome.answers
            finished.append((task, outcome._replace(answers=whole)))
        return finished

    def _read_handshake(self) -> bool:
        """Whether the zygote's greeting has arrived in full. Raises ``HandshakeError`` if the bytes are wrong."""
        size = len(wire.READY)
        if not wire.READY.startswith(self._incoming[:size]):
            raise HandshakeError
        if len(self._incoming) < size:
            return False
        del self._incoming[:size]
        self.ready, self.failed_starts = True, 0
        return True

    def _next_outcome(self) -> RunOutcome | None:
        """Take one whole report off the incoming bytes, or return None if it has not arrived in full."""
        if len(self._incoming) < wire.REPORT.size:
            return None
        report = wire.Report(*wire.REPORT.unpack_from(self._incoming))
        answers = wire.REPORT.size + report.stage
        output = answers + report.answers
        lines = output + report.output
        end = lines + report.lines
        if len(self._incoming) < end:
            return None
        data = bytes(memoryview(self._incoming)[:end])
        del self._incoming[:end]
        stage = data[wire.REPORT.size : answers]
        return RunOutcome(report, stage, data[answers:output], data[output:lines], data[lines:])

    def _keep_partial(self, task: JailTask, answers: bytes) -> None:
        """Add the records of a partial report, and stop the run if they already decide the verdict.

        A program that answers the first call wrongly and loops in the second would otherwise run to its limit.
        """
        task.answers += answers
        if task.order.certain is not None and not task.stopped and task.order.certain(bytes(task.answers)):
            self.stop(task)

    def stop(self, task: JailTask) -> None:
        """Ask the zygote to end this run. It ignores the number of any run but the current one."""
        task.stopped = True
        os.write(self.jail.stop, struct.pack("<Q", task.number))

    def overdue(self, now: float) -> bool:
        """Whether the zygote has failed to load, or to end the run at the head, in time."""
        if not self.ready:
            return now > self.head_since + jail.START_TIMEOUT_S
        return bool(self.tasks) and now > self.head_since + self.tasks[0].order.limits.wall_s + OVERDUE_S


def _failed(outcome: RunOutcome) -> bool:
    """Whether the run broke before any code of the program ran, so that it says nothing about the program."""
    report = outcome.report
    trusted = report.end == wire.EXITED and os.waitstatus_to_exitcode(report.status) == wire.TRUSTED_FAILURE
    return report.end == wire.BROKEN or (trusted and not outcome.stage)
