"""What happens around every call: identity, admission, deadline, errors, metrics, trace and log, in one interceptor.

grpc.aio gives an interceptor the handler before the call. So the interceptor replaces the handler by one that opens a
scope, runs the original handler inside it, and closes it.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from grpc_status import rpc_status
from opentelemetry.trace import Tracer

from prlcoder.rpc.admission import RETRY_AFTER_S, is_retry
from prlcoder.rpc.call_metrics import CallMetrics, CallRecord
from prlcoder.rpc.errors import CallError, exhausted, internal, unavailable
from prlcoder.rpc.tokens import Tokens
from prlcoder.telemetry.logs import logger, request_id
from prlcoder.telemetry.tracing import call_span, end_span

if TYPE_CHECKING:  # the runtime's classes take no parameters
    Context = grpc.aio.ServicerContext[Any, Any]
    Handler = grpc.RpcMethodHandler[Any, Any]
    Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]

LOG = logger("rpc")
OURS: Final = "/prlcoder.v1."
HEALTH: Final = "/grpc.health.v1."
REQUEST_ID: Final = "x-request-id"
RETRY_ATTEMPT: Final = "x-retry-attempt"  # 1 or more in retries
_VALID_ID: Final = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)


@dataclass
class CallGate:
    """Whether calls are accepted. The server opens the gate when the service is ready and closes it when it drains."""

    calls: int  # that may be open at the same time, without those of health and reflection
    tokens: Tokens | None = None
    ready: bool = False
    draining: bool = False
    open_calls: int = 0

    def require(self, method: str, metadata: dict[str, Any], context: Context) -> None:
        """Raises ``CallError`` for a call that is not accepted. Health needs no token and is always answered."""
        if self.tokens is not None and not method.startswith(HEALTH):
            self.tokens.require(metadata.get("authorization"))
        if not method.startswith(OURS):
            return
        if self.draining:
            raise unavailable("DRAINING", "this server is about to stop; call another one", RETRY_AFTER_S)
        if not self.ready:
            raise unavailable("LOADING", "this server is not ready yet; its health service says when it is", 1.0)
        if self.open_calls > self.calls:
            raise exhausted(f"{self.calls} calls are open, which is the limit; retry later", RETRY_AFTER_S)
        _require_deadline(context)


class Calls(grpc.aio.ServerInterceptor):
    """The scope around every call."""

    def __init__(self, gate: CallGate, metrics: CallMetrics, tracer: Tracer) -> None:
        self._gate = gate
        self._metrics = metrics
        self._tracer = tracer

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """The handler of this call, wrapped in its scope."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = _text(handler_call_details.method)
        metadata = {_text(key): value for key, value in handler_call_details.invocation_metadata or ()}
        kind = _kind(handler)
        return _replaced(handler, lambda context: self._scope(method, kind, metadata, context))

    @asynccontextmanager
    async def _scope(
        self, method: str, kind: str, metadata: dict[str, Any], context: Context
    ) -> AsyncIterator[CallRecord]:
        """The scope of one call. Context variables need no reset, because grpc.aio runs each call in its own task."""
        identity = _identity(metadata)
        request_id.set(identity)
        is_retry.set(RETRY_ATTEMPT in metadata)
        context.set_trailing_metadata(((REQUEST_ID, identity),))
        call, code = self._metrics.begin(method, kind), grpc.StatusCode.OK
        ours = method.startswith(OURS)
        self._gate.open_calls += ours
        with call_span(self._tracer, method, metadata) as span:
            try:
                self._gate.require(method, metadata, context)
                yield call
            except CallError as refusal:
                code = refusal.code
                await _abort(context, refusal)
            except grpc.aio.AbortError:
                code = context.code() or grpc.StatusCode.UNKNOWN
                raise
            except asyncio.CancelledError:
                code = _why_cancelled(context)
                raise
            except Exception:
                LOG.exception("call failed", extra={"method": method})
                code = grpc.StatusCode.INTERNAL
                await _abort(context, internal(identity))
            finally:
                self._gate.open_calls -= ours
                seconds = round(call.end(code), 6)
                end_span(span, code.value[0], code.name)
                fields = {"method": method, "code": code.name, "seconds": seconds, "peer": context.peer()}
                LOG.info("call", extra=fields)


async def _abort(context: Context, refusal: CallError) -> None:
    status = rpc_status.to_status(refusal.status())
    trailing = (*(status.trailing_metadata or ()), (REQUEST_ID, request_id.get()))
    await context.abort(status.code, status.details, trailing)


def _identity(metadata: dict[str, Any]) -> str:
    """The caller's request id if it is valid, otherwise a new one."""
    given = metadata.get(REQUEST_ID, "")
    return given if isinstance(given, str) and _VALID_ID.fullmatch(given) else uuid.uuid4().hex


def _require_deadline(context: Context) -> None:
    left = context.time_remaining()
    if left is None:
        message = "the call has no deadline; set one (grpcurl: -max-time SECONDS)"
        raise CallError(grpc.StatusCode.INVALID_ARGUMENT, "DEADLINE_REQUIRED", message)
    if left <= 0:
        raise CallError(grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "the deadline had passed on arrival")


def _why_cancelled(context: Context) -> grpc.StatusCode:
    left = context.time_remaining()
    return grpc.StatusCode.DEADLINE_EXCEEDED if left is not None and left <= 0 else grpc.StatusCode.CANCELLED


def _text(value: str | bytes) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else value


def _kind(handler: Any) -> str:
    """``unary``, ``client_stream``, ``server_stream`` or ``bidi_stream``, as go-grpc-prometheus calls them."""
    kinds = {(False, False): "unary", (True, False): "client_stream", (False, True): "server_stream"}
    return kinds.get((handler.request_streaming, handler.response_streaming), "bidi_stream")


def _replaced(handler: Any, scope: Callable[[Context], Any]) -> Handler:
    """The handler with ``scope`` around its behaviour.

    Requests are parsed inside the scope, so that bytes that are not a message are refused like any other invalid input.
    Responses are written inside the scope, so that a call whose client is gone ends at once.
    """
    sides = ["stream" if streams else "unary" for streams in (handler.request_streaming, handler.response_streaming)]
    behaviour = getattr(handler, "_".join(sides))

    def parsed(data: bytes, call: CallRecord) -> Any:
        call.received.inc()
        try:
            return handler.request_deserializer(data)
        except DecodeError:
            message = "the request is not a message of this method's type; is the client built from these protos?"
            raise CallError(grpc.StatusCode.INVALID_ARGUMENT, "NOT_A_MESSAGE", message) from None

    async def each(requests: AsyncIterator[bytes], call: CallRecord) -> AsyncIterator[Any]:
        async for data in requests:
            yield parsed(data, call)

    async def answer(data: Any, context: Context) -> Any:
        async with scope(context) as call:
            response = await behaviour(each(data, call) if handler.request_streaming else parsed(data, call), context)
            call.sent.inc()
            return response

    async def stream(data: Any, context: Context) -> None:
        async with scope(context) as call:
            request = each(data, call) if handler.request_streaming else parsed(data, call)
            responses = behaviour(request, context)
            if not inspect.isasyncgen(responses):  # the health service writes its responses itself
                await responses
                return
            async with aclosing(responses):
                async for response in responses:
                    await context.write(response)
                    call.sent.inc()

    make: Any = getattr(grpc, f"{'_'.join(sides)}_rpc_method_handler")
    behave = stream if handler.response_streaming else answer
    replacement: Handler = make(behave, response_serializer=handler.response_serializer)
    return replacement
