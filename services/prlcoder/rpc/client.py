"""What all clients share: the channel, deadlines and retries.

Only idempotent calls are retried: after UNAVAILABLE (nothing was done) and after RESOURCE_EXHAUSTED with a retry hint
(the queue was full). No retry starts after the call's own deadline.
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

import grpc
import grpc.aio
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from prlcoder.errors import InputError, WorkError
from prlcoder.rpc.address import Address, ClientTls
from prlcoder.rpc.calls import REQUEST_ID, RETRY_ATTEMPT

TIMEOUT_S: Final = 60.0
FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 2.0
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


class ServiceError(WorkError):
    """A call that a service refused or failed to answer. ``reason`` is that of its ``ErrorInfo``, "" without one."""

    def __init__(self, code: grpc.StatusCode, message: str, *, reason: str = "", request_id: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.request_id = request_id


class Client:
    """One channel to one service. Usable as an async context manager."""

    def __init__(self, address: Address | str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.address = Address(address) if isinstance(address, str) else address
        self.timeout_s = timeout_s
        self._channel = open_channel(self.address)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the channel. Open calls are cancelled."""
        await self._channel.close()

    def metadata(self, attempt: int = 0) -> tuple[tuple[str, str], ...]:
        """The metadata of a call: a new request id, the bearer token if there is one, and the number of earlier
        attempts if there were any."""
        token = self.address.token
        return (
            (REQUEST_ID, uuid.uuid4().hex),
            *((("authorization", f"Bearer {token}"),) if token else ()),
            *(((RETRY_ATTEMPT, str(attempt)),) if attempt else ()),
        )

    async def call(
        self, method: Callable[..., Any], request: Any, *, timeout_s: float | None = None, idempotent: bool = True
    ) -> Any:
        """The response of one unary call. ``ServiceError`` if it fails and is not retried again."""
        ends = time.monotonic() + (self.timeout_s if timeout_s is None else timeout_s)
        pause, attempt = FIRST_PAUSE_S, 0
        while True:
            left = max(ends - time.monotonic(), 0.001)
            try:
                return await method(request, timeout=left, metadata=self.metadata(attempt))
            except grpc.aio.AioRpcError as error:
                wait = retry_after(error, pause) if idempotent else None
                if wait is None or time.monotonic() + wait >= ends:
                    raise service_error(error, self.address.target) from None
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))
            pause, attempt = min(2 * pause, LONGEST_PAUSE_S), attempt + 1

    def item_error(self, status: status_pb2.Status) -> ServiceError:
        """The status of one item of a batch as an exception."""
        info = error_details_pb2.ErrorInfo()
        reason = next((info.reason for detail in status.details if detail.Unpack(info)), "")
        code = _CODES.get(status.code or -1, grpc.StatusCode.UNKNOWN)  # a missing outcome counts as UNKNOWN
        message = f"{self.address.target}: {status.message or 'no outcome'} ({code.name})"
        return ServiceError(code, message, reason=reason, request_id=info.metadata.get("request_id", ""))


def open_channel(address: Address) -> grpc.aio.Channel:
    """A channel. It connects with the first call."""
    options = [
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.lb_policy_name", "round_robin"),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if address.tls is None:
        return grpc.aio.insecure_channel(address.target, options)
    return grpc.aio.secure_channel(address.target, _credentials(address.tls), options)


def _credentials(tls: ClientTls) -> grpc.ChannelCredentials:
    try:
        ca, key, certificate = (
            None if path is None else path.read_bytes() for path in (tls.ca, tls.key, tls.certificate)
        )
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror}); check the TLS files") from None
    return grpc.ssl_channel_credentials(ca, key, certificate)


def retry_after(error: grpc.aio.AioRpcError, pause_s: float) -> float | None:
    """Seconds after which the same call may be made again; None if a retry would be unsafe or useless."""
    hint = _detail(error, error_details_pb2.RetryInfo())
    hinted = None if hint is None else max(hint.retry_delay.ToNanoseconds() / 1e9, pause_s)
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return pause_s if hinted is None else hinted
    return hinted if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED else None


def never_answered(error: grpc.aio.AioRpcError) -> bool:
    """Whether an INTERNAL error was raised on this side. grpc.aio reports INTERNAL if a stream ends while a message is
    written to it, whatever status the server sent. The INTERNAL of a PRLCoder server has an ``ErrorInfo``."""
    return error.code() is grpc.StatusCode.INTERNAL and _detail(error, error_details_pb2.ErrorInfo()) is None


def service_error(error: grpc.aio.AioRpcError, target: str) -> ServiceError:
    """gRPC's error as a ``ServiceError``, with the server's message and details."""
    info = _detail(error, error_details_pb2.ErrorInfo())
    trailing = dict(error.trailing_metadata() or ())
    return ServiceError(
        error.code(),
        f"{target}: {error.details()} ({error.code().name})",
        reason=info.reason if info is not None else "",
        request_id=str(trailing.get(REQUEST_ID, "")),
    )


def _detail(error: grpc.aio.AioRpcError, kind: Any) -> Any:
    """The detail of the given kind, or None."""
    try:
        status = rpc_status.from_call(error)
    except ValueError:  # status and trailing metadata disagree: a proxy has answered, not a PRLCoder server
        return None
    for detail in status.details if status is not None else ():
        if detail.Unpack(kind):
            return kind
    return None
