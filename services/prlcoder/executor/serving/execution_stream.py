"""Any number of executions over ``ExecuteBatch``, whatever becomes of the stream.

What is unanswered when a stream ends is sent again over a new one: executing a program twice harms nobody, losing one
does. The server's backpressure reaches the source of the items: they are drawn only as fast as they are answered.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import suppress
from typing import Any, Final, Protocol

import grpc
import grpc.aio

from prlcoder.executor import ExecutionRequest, ExecutionResult
from prlcoder.executor.serving.messages import read_result
from prlcoder.rpc.client import FIRST_PAUSE_S, LONGEST_PAUSE_S, never_answered, retry_after
from prlcoder.v1 import executor_pb2

MAX_UNANSWERED: Final = 256  # items drawn and unanswered
MAX_ITEMS_PER_MESSAGE: Final = 32  # items in one message
MAX_MESSAGE_BYTES: Final = 1 << 20  # of a message with more than one item
ATTEMPTS: Final = 3  # for an item that the sandbox failed
STREAM_S: Final = 3600.0  # deadline of one stream; the work goes on over the next
IDLE_S: Final = 900.0  # without any answer, though items are due
GIVE_UP_S: Final = 60.0  # for a server that is away

Indexed = tuple[int, ExecutionResult]
Open = Callable[[float], Any]  # a new stream with a deadline
EncodeExecution = Callable[[ExecutionRequest], executor_pb2.Execution]
_UNAVAILABLE: Final = grpc.StatusCode.UNAVAILABLE.value[0]


class _Item:
    """One execution on its way."""

    def __init__(self, index: int, message: executor_pb2.Execution) -> None:
        self.index = index
        self.message = message
        self.size = len(message.program) + message.tests.ByteSize()
        self.attempt = 1

    def request(self) -> executor_pb2.ExecuteBatchRequest:
        return executor_pb2.ExecuteBatchRequest(id=f"{self.index}.{self.attempt}", execution=self.message)


def _together(items: list[_Item]) -> executor_pb2.ExecuteBatchRequest:
    """One message for all."""
    first, *rest = (item.request() for item in items)
    first.more.extend(rest)
    return first


class Source(Protocol):
    """Where executions come from."""

    @property
    def ended(self) -> bool:
        """Whether ``draw`` has no more to give, now or later."""
        ...

    def draw(self) -> ExecutionRequest | None:
        """The next one; None if there is none now."""
        ...


class Drawn:
    """A source that draws from an iterable as it is asked."""

    def __init__(self, items: Iterable[ExecutionRequest]) -> None:
        self._items = iter(items)
        self.ended = False

    def draw(self) -> ExecutionRequest | None:
        """The next one; None at the end."""
        item = next(self._items, None)
        self.ended = item is None
        return item


class ExecutionStream:
    """One use: ``results`` once. ``item_error`` makes an exception of an item's status. Call ``look_again`` when the
    source has more after it had none."""

    def __init__(self, source: Source, open_stream: Open, write: EncodeExecution, item_error: Any) -> None:
        self._source, self._open, self._write, self._item_error = source, open_stream, write, item_error
        self._drawn = 0
        self._failure: Exception | None = None
        self._pending: dict[int, _Item] = {}
        self._unsent: deque[_Item] = deque()
        self._changed = asyncio.Event()
        self._progress = asyncio.get_running_loop().time()

    async def results(self) -> AsyncGenerator[Indexed]:
        """Index in the input, and result, as they come. ``AioRpcError`` if the server refuses or stays away."""
        pause = FIRST_PAUSE_S
        while True:
            began = self._progress
            try:
                async for result in self._one_stream():
                    yield result
                if self._exhausted and not self._pending:
                    break
                wait = pause  # the server ended the stream early; go on
            except grpc.aio.AioRpcError as error:
                after = self._wait(error, pause, progressed=self._progress > began)
                if after is None:
                    raise
                wait = after
            pause = FIRST_PAUSE_S if self._progress > began else min(2 * pause, LONGEST_PAUSE_S)
            await asyncio.sleep(wait)
        if self._failure is not None:
            raise self._failure

    def look_again(self) -> None:
        """The source has more, or has ended."""
        self._changed.set()

    @property
    def _exhausted(self) -> bool:
        return self._source.ended or self._failure is not None

    def _wait(self, error: grpc.aio.AioRpcError, pause: float, *, progressed: bool) -> float | None:
        """Seconds until a new stream; None if there is no use in one."""
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED and progressed:
            return 0.0
        if asyncio.get_running_loop().time() - self._progress > GIVE_UP_S and not progressed:
            return None
        return pause if never_answered(error) else retry_after(error, pause)

    async def _one_stream(self) -> AsyncGenerator[Indexed]:
        call = self._open(STREAM_S)
        self._unsent = deque(self._pending.values())
        writer = asyncio.create_task(self._send(call))
        try:
            while True:
                async with asyncio.timeout(IDLE_S if self._pending else None):
                    response = await call.read()
                if response is grpc.aio.EOF:
                    return
                for one in (response, *response.more):
                    if (result := self._take(one)) is not None:
                        yield result
        finally:
            writer.cancel()
            call.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _send(self, call: Any) -> None:
        """Send what is unsent, then draw; half-close once nothing is left that may have to be sent again."""
        with suppress(grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError):  # the reader learns why
            while True:
                self._changed.clear()
                if items := self._batch():
                    await call.write(_together(items))
                elif self._exhausted and not self._pending:
                    await call.done_writing()
                    return
                else:
                    await self._changed.wait()

    def _batch(self) -> list[_Item]:
        """Items to send in one message; none while so few are wanted that more will soon be."""
        if not self._unsent and len(self._pending) > MAX_UNANSWERED - MAX_ITEMS_PER_MESSAGE:
            return []
        items: list[_Item] = []
        size = 0
        while len(items) < MAX_ITEMS_PER_MESSAGE and (item := self._next()) is not None:
            if items and size + item.size > MAX_MESSAGE_BYTES:
                self._unsent.appendleft(item)
                break
            items.append(item)
            size += item.size
        return items

    def _next(self) -> _Item | None:
        if self._unsent:
            return self._unsent.popleft()
        if self._exhausted or len(self._pending) >= MAX_UNANSWERED:
            return None
        try:
            execution = self._source.draw()
            message = None if execution is None else self._write(execution)
        except Exception as error:  # the source's own: it is raised once what was drawn before is answered
            self._failure, message = error, None
        if message is None:
            return None
        item = self._pending[self._drawn] = _Item(self._drawn, message)
        self._drawn += 1
        return item

    def _take(self, response: executor_pb2.ExecuteBatchResponse) -> Indexed | None:
        """The result in a response; None for one that came twice, and for an item that is sent again."""
        item = self._pending.get(int(response.id.partition(".")[0]))
        if item is None:
            return None
        self._progress = asyncio.get_running_loop().time()
        self._changed.set()
        if response.WhichOneof("outcome") == "result":
            del self._pending[item.index]
            return item.index, read_result(response.result)
        if response.status.code != _UNAVAILABLE:
            raise self._item_error(response.status, item.index)
        if item.attempt < ATTEMPTS:
            item.attempt += 1
            self._unsent.append(item)
            return None
        del self._pending[item.index]
        return item.index, ExecutionResult(None, f"sandbox_error: {response.status.message}")
