"""Any number of executions over ``ExecuteBatch``, even if streams break.

Items that are unanswered when a stream ends are sent again over a new one: executing a program twice does no harm,
losing one does. The server's backpressure reaches the source of the items, which is read only as fast as items are
answered.
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

MAX_UNANSWERED: Final = 256  # items that are drawn and unanswered
MAX_ITEMS_PER_MESSAGE: Final = 32
MAX_MESSAGE_BYTES: Final = 1 << 20  # for a message with more than one item
MAX_ATTEMPTS: Final = 3  # for an item with which the sandbox fails
STREAM_S: Final = 3600.0  # deadline of one stream; the work continues over the next
IDLE_S: Final = 900.0  # longest time without any answer while items are unanswered
GIVE_UP_S: Final = 60.0  # for a server that cannot be reached

Indexed = tuple[int, ExecutionResult]
Open = Callable[[float], Any]  # a new stream with a deadline
EncodeExecution = Callable[[ExecutionRequest], executor_pb2.Execution]
_UNAVAILABLE: Final = grpc.StatusCode.UNAVAILABLE.value[0]


class _Item:
    """One execution that is sent, or to be sent, and unanswered."""

    def __init__(self, index: int, message: executor_pb2.Execution) -> None:
        self.index = index
        self.message = message
        self.size = len(message.program) + message.tests.ByteSize()
        self.attempt = 1

    def request(self) -> executor_pb2.ExecuteBatchRequest:
        return executor_pb2.ExecuteBatchRequest(id=f"{self.index}.{self.attempt}", execution=self.message)


def _together(items: list[_Item]) -> executor_pb2.ExecuteBatchRequest:
    """One message with all items."""
    first, *rest = (item.request() for item in items)
    first.more.extend(rest)
    return first


class Source(Protocol):
    """Where executions come from."""

    @property
    def ended(self) -> bool:
        """Whether ``draw`` will never return a request again."""
        ...

    def draw(self) -> ExecutionRequest | None:
        """The next request; None if there is none at present."""
        ...


class Drawn:
    """A source that reads an iterable on demand."""

    def __init__(self, items: Iterable[ExecutionRequest]) -> None:
        self._items = iter(items)
        self.ended = False

    def draw(self) -> ExecutionRequest | None:
        """The next request; None at the end."""
        item = next(self._items, None)
        self.ended = item is None
        return item


class ExecutionStream:
    """For a single call of ``results``. ``item_error`` turns an item's status into an exception. Call ``look_again``
    when the source has requests again after it had none."""

    def __init__(self, source: Source, open_stream: Open, write: EncodeExecution, item_error: Any) -> None:
        self._source, self._open, self._write, self._item_error = source, open_stream, write, item_error
        self._drawn = 0
        self._failure: Exception | None = None
        self._pending: dict[int, _Item] = {}
        self._unsent: deque[_Item] = deque()
        self._changed = asyncio.Event()
        self._progress = asyncio.get_running_loop().time()

    async def results(self) -> AsyncGenerator[Indexed]:
        """Pairs of index in the input and result, as they arrive. ``AioRpcError`` if the server refuses an item or
        cannot be reached."""
        pause = FIRST_PAUSE_S
        while True:
            began = self._progress
            try:
                async for result in self._one_stream():
                    yield result
                if self._exhausted and not self._pending:
                    break
                wait = pause  # the server ended the stream early; continue over a new one
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
        """Tell the stream that the source has more requests, or has ended."""
        self._changed.set()

    @property
    def _exhausted(self) -> bool:
        return self._source.ended or self._failure is not None

    def _wait(self, error: grpc.aio.AioRpcError, pause: float, *, progressed: bool) -> float | None:
        """Seconds until a new stream is opened; None if a new stream would not help."""
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED and progressed:
            return 0.0
        if asyncio.get_running_loop().time() - self._progress > GIVE_UP_S and not progressed:
            return None
        if error.code() is grpc.StatusCode.CANCELLED:  # not by us: a server that stops ends the streams that remain
            return pause
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
        """Send the unsent items, then draw new ones. Half-close only when no item is left that may have to be sent
        again.

        Errors of writing are ignored, because the reader gets the status that says why the stream ended.
        """
        with suppress(grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError):
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
        """The items of the next message. Empty while there is room for only a part of a message: waiting for a few
        answers fills the message, and the cost is per message."""
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
        except Exception as error:
            # The source failed. The caller gets this exception once the earlier items are answered.
            self._failure, message = error, None
        if message is None:
            return None
        item = self._pending[self._drawn] = _Item(self._drawn, message)
        self._drawn += 1
        return item

    def _take(self, response: executor_pb2.ExecuteBatchResponse) -> Indexed | None:
        """The result in a response; None for a duplicate, and for an item that is sent again."""
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
        if item.attempt < MAX_ATTEMPTS:
            item.attempt += 1
            self._unsent.append(item)
            return None
        del self._pending[item.index]
        return item.index, ExecutionResult(None, f"sandbox_error: {response.status.message}")
