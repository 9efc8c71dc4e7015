"""An ``Executor`` for event loops: one thread drives it, and any number of coroutines give it work.

If the sandbox fails so that no jail can be started, every item in flight fails with ``SandboxLostError``, and the
thread keeps trying to start a new sandbox. No item waits for ever.
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
MAX_IDLE_S: Final = 60.0  # longest wait for an event; new work ends it early
RESTART_S: Final = 1.0  # between two attempts to start the sandbox


class SandboxLostError(Exception):
    """The sandbox failed before this item was done, so the item has no result."""


ResultOrError = ExecutionResult | Exception
ResultOrErrorCallback = Callable[[ResultOrError], None]


@dataclass(eq=False)
class PendingExecution:
    """One item that the thread has accepted and not answered."""

    item: ExecutionRequest | FreeRun
    done: ResultOrErrorCallback
    abandoned: bool = False
    abandon: Abandon | None = None


class AsyncExecutor:
    """Call ``submit`` and ``cancel`` on the event loop; ``done`` callbacks run there too."""

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
        self._woken = False

    @property
    def healthy(self) -> bool:
        """Whether the sandbox is up."""
        return self._executor is not None

    async def start(self) -> None:
        """Start the sandbox. ``WorkError`` with a remedy if this machine does not allow it."""
        self._loop = asyncio.get_running_loop()
        started: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._work, args=(started,), name="executor", daemon=True)
        self._thread.start()
        await started

    def submit(self, item: ExecutionRequest | FreeRun, done: ResultOrErrorCallback) -> PendingExecution:
        """Queue an item. ``done`` is called once, with its result, a ``SandboxLostError``, or what the core raised."""
        pending = PendingExecution(item, done)
        self._enqueue(pending)
        return pending

    async def execute(self, item: ExecutionRequest | FreeRun) -> ResultOrError:
        """The answer that ``submit`` would give to ``done``. Cancelling ends the run."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[ResultOrError] = loop.create_future()

        def done(answer: ResultOrError) -> None:
            if not answered.done():  # it is done if the caller was cancelled in the same turn of the loop
                answered.set_result(answer)

        pending = self.submit(item, done)
        try:
            answer = await answered
        except asyncio.CancelledError:
            self.cancel(pending)
            raise
        return answer

    def cancel(self, pending: PendingExecution) -> None:
        """Drop an item and end its run. Its ``done`` will not be called."""
        pending.abandoned = True
        self._enqueue(pending)

    async def close(self) -> None:
        """End the sandbox and the thread. Items in flight are dropped."""
        self._closed.set()
        if self._thread is not None:
            self._wake()
            await asyncio.to_thread(self._thread.join)

    def _enqueue(self, pending: PendingExecution) -> None:
        self._inbox.append(pending)
        # One wake-up per batch of items is enough. The thread clears the flag before it reads the inbox, so that an
        # item which arrives after that is never missed.
        if not self._woken:
            self._woken = True
            self._wake()

    def _wake(self) -> None:
        with self._lock:  # do not signal an executor that is being closed
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
                LOG.exception("the sandbox failed; starting it again")
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
            self._woken = False
            while self._inbox:
                self._take(executor, self._inbox.popleft())
            executor.pump(MAX_IDLE_S if not self._inbox and not self._answers else 0.0)
            self._deliver()

    def _take(self, executor: Executor, pending: PendingExecution) -> None:
        if pending.abandoned:
            self._running.discard(pending)
            if pending.abandon is not None:
                pending.abandon()
            return
        self._running.add(pending)
        try:
            pending.abandon = executor.submit(pending.item, lambda result: self._finish(pending, result))
        except (ValueError, TypeError, RecursionError, MemoryError) as error:  # the tests cannot be compiled
            self._finish(pending, error)

    def _finish(self, pending: PendingExecution, answer: ResultOrError) -> None:
        self._running.discard(pending)
        self._answers.append((pending, answer))

    def _lose(self) -> None:
        for pending in list(self._running):
            self._finish(pending, SandboxLostError())
        self._deliver()

    def _reopen(self) -> Executor | None:
        """Start a new sandbox, however many attempts it takes; None if the executor is closing."""
        while not self._closed.is_set():
            try:
                return self._open()
            except Exception as error:  # whatever it is, callers are waiting for an answer
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
        except RuntimeError:  # the loop is closed, so no caller is left
            self._closed.set()


def deliver(answers: list[tuple[PendingExecution, ResultOrError]]) -> None:
    """Call the callbacks. Runs on the event loop: one wake-up of the loop serves all answers."""
    for pending, answer in answers:
        if not pending.abandoned:
            pending.done(answer)
