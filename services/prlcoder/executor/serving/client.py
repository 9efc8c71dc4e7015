"""The asynchronous client of the executor: for one program, or for any number over one stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any

import grpc.aio
from google.rpc import status_pb2

from prlcoder.executor import ExecutionRequest, ExecutionResult
from prlcoder.executor.serving.execution_stream import Drawn, ExecutionStream, Indexed, Source
from prlcoder.executor.serving.messages import read_result
from prlcoder.executor.serving.requests import ExecutionWriter
from prlcoder.rpc.address import Address
from prlcoder.rpc.client import TIMEOUT_S, Client, ServiceError, service_error
from prlcoder.v1 import executor_pb2, executor_pb2_grpc


class ExecutorClient(Client):
    """Like ``prlcoder.executor.Executor``, but on a server. With ``fresh`` the server's result cache is bypassed."""

    def __init__(self, address: Address | str, *, timeout_s: float = TIMEOUT_S, fresh: bool = False) -> None:
        super().__init__(address, timeout_s=timeout_s)
        self._stub = executor_pb2_grpc.ExecutorServiceStub(self._channel)
        self._writer = ExecutionWriter()
        self._fresh = fresh

    async def execute(self, item: ExecutionRequest, *, timeout_s: float | None = None) -> ExecutionResult:
        """One item's result."""
        request = executor_pb2.ExecuteRequest(execution=self._write(item))
        response = await self.call(self._stub.Execute, request, timeout_s=timeout_s)
        return read_result(response.result)

    async def capabilities(self) -> executor_pb2.GetCapabilitiesResponse:
        """What the server offers."""
        response: executor_pb2.GetCapabilitiesResponse = await self.call(
            self._stub.GetCapabilities, executor_pb2.GetCapabilitiesRequest()
        )
        return response

    async def as_completed(self, items: Iterable[ExecutionRequest]) -> AsyncGenerator[Indexed]:
        """Pairs of index in the input and result, in the order of completion. ``items`` is read a bounded number ahead.
        An item with which the sandbox failed three times has no verdict. ``ServiceError`` if the server refuses one."""
        async with aclosing(self.answers(self.stream(Drawn(items)))) as results:
            async for result in results:
                yield result

    def stream(self, source: Source) -> ExecutionStream:
        """A stream over ``source``; pass it to ``answers``."""
        return ExecutionStream(source, self._open, self._write, self._refused)

    async def answers(self, stream: ExecutionStream) -> AsyncGenerator[Indexed]:
        """The answers of a stream, as ``as_completed`` yields them."""
        try:
            async with aclosing(stream.results()) as results:
                async for result in results:
                    yield result
        except grpc.aio.AioRpcError as error:
            raise service_error(error, self.address.target) from None

    async def run(self, items: Iterable[ExecutionRequest]) -> AsyncGenerator[ExecutionResult]:
        """Results in input order, as ``Executor.run``."""
        early: dict[int, ExecutionResult] = {}
        due = 0
        async with aclosing(self.as_completed(items)) as results:
            async for index, result in results:
                early[index] = result
                while due in early:
                    yield early.pop(due)
                    due += 1

    def _open(self, timeout_s: float) -> Any:
        stub: Any = self._stub  # the type stubs want an iterator of requests; here the stream is written explicitly
        return stub.ExecuteBatch(timeout=timeout_s, metadata=self.metadata())

    def _write(self, item: ExecutionRequest) -> executor_pb2.Execution:
        return self._writer.write(item, fresh=self._fresh)

    def _refused(self, status: status_pb2.Status, index: int) -> ServiceError:
        error = self.item_error(status)
        error.add_note(f"item {index}")
        return error
