"""An ``Executor`` behind an event loop: one thread drives it, any number of coroutines hand it work.

If the sandbox breaks so that no jail can be started, every item in flight fails with ``SandboxLostError`` and the
thread goes on trying to start a new one; nothing waits for ever.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from prlcoder.errors import WorkError
from prlcoder.executor.executor import Abandon, Executor
from prlcoder.executor.run_code import FreeRun
from prlcoder.executor.verdicts import ExecutionRequest, ExecutionResult
from prlcoder.telemetry.logs import logger

LOG = logger("executor")
PUMP_S: Final = 60.0  # the longest wait without news; a wake-up ends it
RESTART_S: Final = 1.0


class SandboxLostError(Exception):
    """The sandbox went down before this item was done, and nothing is known about it."""


ResultOrError = ExecutionResult | Exception
ResultOrErrorCallback = Callable[[ResultOrError], None]


@dataclass(eq=False)
class PendingExecution:
    """One item on its way through the thread."""

    item: ExecutionRequest | FreeRun
    done: ResultOrErrorCallback
    abandoned: bool = False
    abandon: Abandon | None = None


class AsyncExecutor:
    """``submit`` and ``cancel`` belong to the event loop; ``done`` is called on it."""

    def __init__(self, open_executor: Callable[[], Executor]) -> None:
        self._open = open_executor
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._executor: Executor | None = None
        self._inbox: deque[PendingExecution] = deque()
        self._running: set[PendingExecution] = set()
        self._answers: list[tuple[PendingExecution, ResultOrError]] = []
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._rung = False

    @property
    def healthy(self) -> bool:
        """Whether the sandbox is up."""
        return self._executor is not None

    async def start(self) -> None:
        """Start the sandbox; ``WorkError`` with a remedy if this machine does not allow it."""
        self._loop = asyncio.get_running_loop()
        started: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._work, args=(started,), name="executor", daemon=True)
        self._thread.start()
        await started

    def submit(self, item: ExecutionRequest | FreeRun, done: ResultOrErrorCallback) -> PendingExecution:
        """Queue an item; ``done`` gets its result, ``SandboxLostError``, or what the core raised; once."""
        ticket = PendingExecution(item, done)
        self._tell(ticket)
        return ticket

    async def execute(self, item: ExecutionRequest | FreeRun) -> ResultOrError:
        """What ``submit`` would report of one item. Cancelling ends the run."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[ResultOrError] = loop.create_future()

        def done(answer: ResultOrError) -> None:
            if not answered.done():  # it is, if the caller was cancelled in this very turn of the loop
                answered.set_result(answer)

        ticket = self.submit(item, done)
        try:
            answer = await answered
        except asyncio.CancelledError:
            self.cancel(ticket)
            raise
        return answer

    def cancel(self, ticket: PendingExecution) -> None:
        """Forget an item and end its run; its ``done`` is not called any more."""
        ticket.abandoned = True
        self._tell(ticket)

    async def close(self) -> None:
        """End the sandbox and the thread; items in flight are dropped."""
        self._closed.set()
        if self._thread is not None:
            self._wake()
            await asyncio.to_thread(self._thread.join)

    def _tell(self, ticket: PendingExecution) -> None:
        self._inbox.append(ticket)
        if not self._rung:  # the thread clears it before it looks into the inbox
            self._rung = True
            self._wake()

    def _wake(self) -> None:
        with self._lock:  # so that no bell is rung that is being taken down
            if self._executor is not None:
                self._executor.wake()

    # --- on the thread ----------------------------------------------------------------------------------------------

    def _work(self, started: asyncio.Future[None]) -> None:
        try:
            executor = self._open()
        except Exception as error:
            self._call(started.set_exception, error)
            return
        self._executor = executor
        self._call(started.set_result, None)
        while True:
            try:
                self._drive(executor)
            except Exception:
                LOG.exception("the sandbox went down; starting it again")
            with self._lock:
                self._executor = None
            executor.close()
            self._lose()
            reopened = self._reopen()
            if reopened is None:
                return
            self._executor = executor = reopened

    def _drive(self, executor: Executor) -> None:
        while not self._closed.is_set():
            self._rung = False
            while self._inbox:
                self._take(executor, self._inbox.popleft())
            executor.pump(PUMP_S if not self._inbox and not self._answers else 0.0)
            self._deliver()

    def _take(self, executor: Executor, ticket: PendingExecution) -> None:
        if ticket.abandoned:
            self._running.discard(ticket)
            if ticket.abandon is not None:
                ticket.abandon()
            return
        self._running.add(ticket)
        try:
            ticket.abandon = executor.submit(ticket.item, lambda result: self._finish(ticket, result))
        except (ValueError, TypeError, RecursionError, MemoryError) as error:  # tests that cannot be planned
            self._finish(ticket, error)

    def _finish(self, ticket: PendingExecution, answer: ResultOrError) -> None:
        self._running.discard(ticket)
        self._answers.append((ticket, answer))

    def _lose(self) -> None:
        for ticket in list(self._running):
            self._finish(ticket, SandboxLostError())
        self._deliver()

    def _reopen(self) -> Executor | None:
        """A new sandbox, tried for until it starts; None once the driver is closing."""
        while not self._closed.is_set():
            try:
                return self._open()
            except Exception as error:  # whatever it is, somebody waits for an answer
                LOG.error(
                    "the sandbox does not start", exc_info=not isinstance(error, WorkError), extra={"cause": str(error)}
                )
                while self._inbox:
                    self._finish(self._inbox.popleft(), SandboxLostError())
                self._deliver()
                self._closed.wait(RESTART_S)
        return None

    def _deliver(self) -> None:
        if self._answers:
            answers, self._answers = self._answers, []
            self._call(deliver, answers)

    def _call(self, function: Callable[..., object], *args: object) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:  # the loop is closed: nobody is left to tell
            self._closed.set()


def deliver(answers: list[tuple[PendingExecution, ResultOrError]]) -> None:
    """Tell those who wait, on their event loop."""
    for ticket, answer in answers:
        if not ticket.abandoned:
            ticket.done(answer)
