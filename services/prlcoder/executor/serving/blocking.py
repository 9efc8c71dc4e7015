"""``BlockingExecutor``: the executor's client for synchronous code."""

from __future__ import annotations

import asyncio
import queue
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from prlcoder.executor import ExecutionRequest, ExecutionResult
from prlcoder.executor.serving.client import ExecutorClient
from prlcoder.executor.serving.execution_stream import MAX_UNANSWERED, ExecutionStream, Indexed
from prlcoder.rpc.address import Address
from prlcoder.rpc.blocking import Blocking
from prlcoder.rpc.client import TIMEOUT_S
from prlcoder.v1 import executor_pb2

MAX_ITEMS_AHEAD: Final = 4 * MAX_UNANSWERED  # items drawn before the oldest result has been taken


class BlockingExecutor(Blocking[ExecutorClient]):
    """``ExecutorClient`` for synchronous code: a ``ProgramRunner``, as ``prlcoder.executor.Executor`` is."""

    def __init__(self, address: Address | str, *, timeout_s: float = TIMEOUT_S, fresh: bool = False) -> None:
        super().__init__(lambda: ExecutorClient(address, timeout_s=timeout_s, fresh=fresh))

    def execute(self, item: ExecutionRequest) -> ExecutionResult:
        """One item's result."""
        return self._thread.run(self._client.execute(item))

    def capabilities(self) -> executor_pb2.GetCapabilitiesResponse:
        """What the server offers."""
        return self._thread.run(self._client.capabilities())

    def run(self, items: Iterable[ExecutionRequest]) -> Iterator[ExecutionResult]:
        """Results in input order. ``items`` is read on the caller's thread, a bounded number ahead of the results."""
        feed = _Feed(self._thread.loop, self._client)
        early: dict[int, ExecutionResult] = {}
        source, drawn, due, exhausted = iter(items), 0, 0, False
        try:
            while True:
                burst: list[ExecutionRequest] = []
                while not exhausted and drawn - due - len(early) < MAX_UNANSWERED and drawn - due < MAX_ITEMS_AHEAD:
                    item = next(source, None)
                    exhausted = item is None
                    if item is not None:
                        burst.append(item)
                        drawn += 1
                feed.give(burst, ended=exhausted)
                if exhausted and due == drawn:
                    return
                while due not in early:
                    index, result = feed.take()
                    early[index] = result
                while due in early:
                    yield early.pop(due)
                    due += 1
        finally:
            feed.close()


class _Feed:
    """Connects the caller's thread with a stream on the event loop: requests go in, answers come out."""

    def __init__(self, loop: asyncio.AbstractEventLoop, client: ExecutorClient) -> None:
        self._loop, self._client = loop, client
        self._items: deque[ExecutionRequest] = deque()
        self._told_end = self._last = False
        self._answers: queue.SimpleQueue[Indexed | BaseException] = queue.SimpleQueue()
        self._stream: ExecutionStream | None = None
        self._work = asyncio.run_coroutine_threadsafe(self._drive(), loop)

    def give(self, items: Sequence[ExecutionRequest], *, ended: bool) -> None:
        """Give more requests to the stream. ``ended`` says that these are the last ones."""
        if items or (ended and not self._told_end):
            self._told_end = ended
            self._loop.call_soon_threadsafe(self._given, items, ended)

    def take(self) -> Indexed:
        """Wait for the next answer."""
        answer = self._answers.get()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def close(self) -> None:
        """Cancel what still runs."""
        self._work.cancel()

    # --- on the loop ------------------------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether the last request has been drawn."""
        return self._last and not self._items

    def draw(self) -> ExecutionRequest | None:
        """The next request; None if there is none at present."""
        return self._items.popleft() if self._items else None

    def _given(self, items: Sequence[ExecutionRequest], ended: bool) -> None:
        self._items.extend(items)
        self._last = ended
        if self._stream is not None:
            self._stream.look_again()

    async def _drive(self) -> None:
        self._stream = self._client.stream(self)
        try:
            async for answer in self._client.answers(self._stream):
                self._answers.put(answer)
        except BaseException as error:
            self._answers.put(error)
            raise
