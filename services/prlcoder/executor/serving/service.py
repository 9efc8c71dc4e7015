"""The executor behind gRPC: ``prlcoder.v1.ExecutorService``."""

from __future__ import annotations

import argparse
import platform
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import grpc.aio
from prometheus_client import CollectorRegistry

from prlcoder.executor.executor import Executor
from prlcoder.executor.packages import PackageFolder
from prlcoder.executor.serving.async_executor import AsyncExecutor, PendingExecution, ResultOrError, SandboxLostError
from prlcoder.executor.serving.batch_stream import BatchStream, ExecutionOutcome
from prlcoder.executor.serving.messages import read_limits, write_limits, write_result
from prlcoder.executor.serving.metrics import ExecutorMetrics
from prlcoder.executor.serving.result_cache import ResultCache, execution_key
from prlcoder.executor.serving.settings import ExecutorSettings
from prlcoder.executor.verdicts import SANDBOX_ERROR, ExecutionRequest, ExecutionResult
from prlcoder.problems.messages import KnownTests
from prlcoder.problems.model import StdioTest, StdioTests
from prlcoder.rpc.admission import RETRY_AFTER_S, Admission
from prlcoder.rpc.errors import invalid, unavailable
from prlcoder.rpc.settings import ServerLimits, ServerSettings
from prlcoder.v1 import executor_pb2, executor_pb2_grpc, verdict_pb2

if TYPE_CHECKING:
    from prlcoder.executor.serving.http import HttpEndpoint

SELF_TEST: Final = ExecutionRequest("print('ready')\n", StdioTests((StdioTest("", "ready\n"),)))


class ExecutorService(executor_pb2_grpc.ExecutorServiceServicer):
    """Runs programs and returns their verdicts, in streams in the order of completion."""

    full_name = "prlcoder.v1.ExecutorService"

    def __init__(self, limits: ServerLimits, settings: ExecutorSettings, registry: CollectorRegistry) -> None:
        self._limits, self._settings = limits, settings
        self._admission = Admission(limits.queue_items)
        self._metrics = ExecutorMetrics(registry, lambda: self._admission.in_flight)
        self._cache = ResultCache(settings.cache_entries)
        self._tests = KnownTests()
        self._streams: set[BatchStream] = set()
        self.driver = AsyncExecutor(self._open)
        self.http: HttpEndpoint | None = None

    @property
    def healthy(self) -> bool:
        """Whether the sandbox is up."""
        return self.driver.healthy

    def serve_http(self, port: int, server: ServerSettings) -> None:
        """Also serve SandboxFusion's interface. Call this before ``start``."""
        from prlcoder.executor.serving.http import HttpEndpoint

        self.http = HttpEndpoint(port, server, self._settings, self.driver, self._admission)

    def register(self, server: grpc.aio.Server) -> None:
        """Add the handlers."""
        executor_pb2_grpc.add_ExecutorServiceServicer_to_server(self, server)

    async def start(self) -> None:
        """Start the sandbox and check that a program passes in it. ``WorkError`` with a remedy if this machine does not
        allow the sandbox."""
        await self.driver.start()
        proof = await self.driver.execute(SELF_TEST)
        if not (isinstance(proof, ExecutionResult) and proof.passed):
            raise RuntimeError(f"the sandbox does not work: {proof}")
        if self.http is not None:
            await self.http.start()

    def drain(self) -> None:
        """Tell the streams to finish their accepted items and end."""
        for stream in self._streams:
            stream.drain()

    async def close(self) -> None:
        """End the sandbox."""
        if self.http is not None:
            await self.http.close()
        await self.driver.close()

    async def Execute(self, request: executor_pb2.ExecuteRequest, context: Any) -> executor_pb2.ExecuteResponse:
        """Run one program. The call is refused at once if the queue is full."""
        item, key = self._read(request.execution)
        result = self._kept(request.execution, key)
        if result is None:
            with self._admission.admit(1, request.ByteSize()):
                answer = await self.driver.execute(item)
            result = self._result(answer, key)
        return executor_pb2.ExecuteResponse(result=result)

    async def ExecuteBatch(
        self, request_iterator: AsyncIterator[executor_pb2.ExecuteBatchRequest], context: Any
    ) -> AsyncIterator[executor_pb2.ExecuteBatchResponse]:
        """Run programs as they arrive, and yield outcomes as they are ready."""
        stream = BatchStream(self._run, self.driver.cancel, self._admission, self._settings.stream_items)
        self._streams.add(stream)
        try:
            async for response in stream.responses(request_iterator):
                yield response
        finally:
            self._streams.discard(stream)

    async def GetCapabilities(
        self, request: executor_pb2.GetCapabilitiesRequest, context: Any
    ) -> executor_pb2.GetCapabilitiesResponse:
        """What this server offers."""
        settings = self._settings
        return executor_pb2.GetCapabilitiesResponse(
            version=version("prlcoder"),
            python_version=platform.python_version(),
            profile=settings.isolation,
            jail=settings.jail,
            workers=settings.workers,
            queue_limit=self._limits.queue_items,
            default_limits=write_limits(settings.default_limits),
            max_limits=write_limits(settings.max_limits),
            max_message_bytes=self._limits.message_bytes,
            cache_entries=settings.cache_entries,
            packages=[
                executor_pb2.Package(name=name, version=version)
                for name, version in (settings.packages.installed() if settings.packages is not None else ())
            ],
        )

    def _open(self) -> Executor:
        settings = self._settings
        return Executor(
            workers=settings.workers,
            jail=settings.jail,
            profile=settings.profile,
            limits=settings.default_limits,
            max_limits=settings.max_limits,
            packages=settings.packages,
            on_retired=self._metrics.retired.inc,
        )

    def _run(
        self, message: executor_pb2.Execution, done: Callable[[ExecutionOutcome], None]
    ) -> PendingExecution | None:
        """Start one item of a stream. ``CallError`` if it is invalid."""

        def finished(answer: ResultOrError) -> None:
            try:
                done(self._result(answer, key))
            except Exception as error:
                done(error)

        item, key = self._read(message)
        if (kept := self._kept(message, key)) is not None:
            done(kept)
            return None
        return self.driver.submit(item, finished)

    def _read(self, message: executor_pb2.Execution) -> tuple[ExecutionRequest, bytes]:
        """The execution and its cache key. ``CallError`` that names the invalid field."""
        settings = self._settings
        if not message.program:
            raise invalid("execution.program", "is empty; send the whole program")
        tests, digest = self._tests.read(message.tests, "execution.tests")
        limits = read_limits(message.limits, "execution.limits", settings.default_limits, settings.max_limits)
        item = ExecutionRequest(
            message.program,
            tests,
            message.preamble,
            limits,
            message.all_tests,
            message.keep_answers,
            message.trace_lines,
        )
        return item, execution_key(item, digest)

    def _kept(self, message: executor_pb2.Execution, key: bytes) -> verdict_pb2.ExecutionResult | None:
        result = None if message.fresh else self._cache.get(key)
        if result is None:
            return None
        self._metrics.cached.inc()
        written = write_result(result)
        written.cached = True
        return written

    def _result(self, answer: ResultOrError, key: bytes) -> verdict_pb2.ExecutionResult:
        """The result as a message, after counting and caching it. ``CallError`` if the sandbox failed; an exception of
        the core is raised unchanged."""
        self._metrics.note(answer)
        if isinstance(answer, SandboxLostError) or (
            isinstance(answer, ExecutionResult) and answer.outcome == SANDBOX_ERROR
        ):
            raise unavailable("SANDBOX_FAILED", "the sandbox failed, not the program; send it again", RETRY_AFTER_S)
        if isinstance(answer, Exception):
            raise answer
        self._cache.put(key, answer)
        return write_result(answer)


def create(arguments: argparse.Namespace, limits: ServerLimits, registry: CollectorRegistry) -> ExecutorService:
    """The service that the options of ``prlcoder serve executor`` describe."""
    settings = ExecutorSettings(jail=arguments.jail, profile=arguments.profile, cache_entries=arguments.cache)
    if arguments.workers is not None:
        settings = replace(settings, workers=arguments.workers)
    if arguments.packages is not None:
        settings = replace(settings, packages=PackageFolder.open(arguments.packages, arguments.preload))
    return ExecutorService(limits, settings, registry)
