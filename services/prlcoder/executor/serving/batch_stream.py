"""One ``ExecuteBatch`` stream: items enter as places become free, and each gets exactly one outcome.

An item keeps its place until the transport has taken its outcome. So a client that does not read its outcomes is not
read from either, and cannot fill the server's memory.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Final

from prlcoder.executor.serving.async_executor import PendingExecution
from prlcoder.rpc.admission import Admission
from prlcoder.rpc.batches import fail
from prlcoder.rpc.errors import invalid, unavailable
from prlcoder.v1 import executor_pb2, verdict_pb2

MAX_ID_LENGTH: Final = 128
MAX_OUTCOMES_PER_MESSAGE: Final = 64
FLUSH_DELAY_S: Final = 0.01  # wait this long so that several outcomes share a message
MIN_IN_FLIGHT_TO_DELAY: Final = 32  # with fewer items in flight the next outcome may be far away, so none is delayed
MAX_REMEMBERED_IDS: Final = 65_536  # finished items whose ids the stream recognises
MAX_REMEMBERED_BYTES: Final = 16 << 20  # of their outcomes together

Response = executor_pb2.ExecuteBatchResponse
ExecutionOutcome = verdict_pb2.ExecutionResult | Exception
SubmitExecution = Callable[[executor_pb2.Execution, Callable[[ExecutionOutcome], None]], PendingExecution | None]


class BatchStream:
    """The state of one stream. ``run`` starts an execution and reports its outcome once, or raises ``CallError``."""

    def __init__(
        self, run: SubmitExecution, cancel: Callable[[PendingExecution], None], admission: Admission, window: int
    ) -> None:
        """``window`` is the number of items that this stream may have unanswered. It leaves room for other streams."""
        self._run, self._cancel, self._admission = run, cancel, admission
        self._window = asyncio.Semaphore(window)
        self._ready: asyncio.Queue[tuple[Response, int] | None] = asyncio.Queue()
        self._open: dict[str, PendingExecution | None] = {}
        self._repeats: dict[str, list[int]] = {}  # sizes of later requests with the id of an open item
        self._finished: OrderedDict[str, Response] = OrderedDict()
        self._finished_size: int = 0
        self._held: int = 0
        self._held_size: int = 0
        self._reader: asyncio.Task[None] | None = None
        self._read_all = self._draining = self._together = False

    async def responses(self, requests: AsyncIterator[executor_pb2.ExecuteBatchRequest]) -> AsyncIterator[Response]:
        """The outcomes, until every accepted item has one. ``CallError`` (UNAVAILABLE) at the end if the server drains:
        the items that it did not accept must be sent to another server."""
        self._reader = asyncio.create_task(self._read(requests))
        try:
            while not (self._reader.done() and self._held == 0):
                if (first := await self._ready.get()) is None:
                    continue
                taken = [first, *await self._others()]
                yield _message([response for response, _ in taken])
                for _, size in taken:
                    self._give_back(size)
            if self._draining and not self._read_all:
                raise unavailable("DRAINING", "this server is about to stop; send the rest to another one", 0.1)
            self._reader.result()
        finally:
            self._abandon()

    def drain(self) -> None:
        """Accept no more items."""
        self._draining = True
        if self._reader is not None:
            self._reader.cancel()

    async def _read(self, requests: AsyncIterator[executor_pb2.ExecuteBatchRequest]) -> None:
        try:
            async for request in requests:
                self._together = self._together or bool(request.more)
                for item in (request, *request.more):
                    size = len(item.execution.program) + item.execution.tests.ByteSize()
                    await self._window.acquire()
                    await self._admission.admit_when_free(size)
                    self._held += 1
                    self._held_size += size
                    self._accept(item, size)
            self._read_all = True
        finally:
            self._ready.put_nowait(None)

    async def _others(self) -> list[tuple[Response, int]]:
        """Further outcomes for a message that is due. Only for clients that have sent several items in one message:
        others may not know the field ``more``."""
        if not self._together:
            return []
        if len(self._open) >= MIN_IN_FLIGHT_TO_DELAY and self._ready.empty():
            await asyncio.sleep(FLUSH_DELAY_S)
        found = [self._ready.get_nowait() for _ in range(min(self._ready.qsize(), MAX_OUTCOMES_PER_MESSAGE))]
        return [one for one in found if one is not None]

    def _accept(self, request: executor_pb2.ExecuteBatchRequest, size: int) -> None:
        name = request.id
        if name in self._finished:
            self._ready.put_nowait((self._finished[name], size))
        elif name in self._open:
            self._repeats.setdefault(name, []).append(size)
        else:
            self._start(request, size)

    def _start(self, request: executor_pb2.ExecuteBatchRequest, size: int) -> None:
        name = request.id
        self._open[name] = None
        try:
            if not 0 < len(name) <= MAX_ID_LENGTH:
                raise invalid("id", f"has {len(name)} characters, not 1 to {MAX_ID_LENGTH}")
            pending = self._run(request.execution, lambda outcome: self._finish(name, outcome, size))
        except Exception as error:  # whatever it is, the item keeps its place until it has an outcome
            self._finish(name, error, size)
        else:
            if name in self._open:
                self._open[name] = pending

    def _finish(self, name: str, outcome: ExecutionOutcome, size: int) -> None:
        response = Response(id=name)
        if isinstance(outcome, Exception):
            fail(response, outcome)
        else:
            response.result.CopyFrom(outcome)
        del self._open[name]
        self._remember(name, response)
        for each in (size, *self._repeats.pop(name, ())):
            self._ready.put_nowait((response, each))

    def _remember(self, name: str, response: Response) -> None:
        self._finished[name] = response
        self._finished_size += response.ByteSize()
        while len(self._finished) > MAX_REMEMBERED_IDS or self._finished_size > MAX_REMEMBERED_BYTES:
            self._finished_size -= self._finished.popitem(last=False)[1].ByteSize()

    def _give_back(self, size: int) -> None:
        self._held -= 1
        self._held_size -= size
        self._admission.release(1, size)
        self._window.release()

    def _abandon(self) -> None:
        """The stream has ended, with or without success, so nobody will read the outcomes of items that still run."""
        if self._reader is not None:
            self._reader.cancel()
        for pending in self._open.values():
            if pending is not None:
                self._cancel(pending)
        self._admission.release(self._held, self._held_size)
        self._held = self._held_size = 0


def _message(responses: list[Response]) -> Response:
    """One message with all responses."""
    if len(responses) == 1:
        return responses[0]
    whole = Response()
    whole.CopyFrom(responses[0])  # a copy, because the stream remembers the response for requests that repeat its id
    whole.more.extend(responses[1:])
    return whole
