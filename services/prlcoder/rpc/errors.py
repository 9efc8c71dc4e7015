"""Errors that a client is meant to read, as ``google.rpc.Status`` with details that a program can read.

Every ``CallError`` carries an ``ErrorInfo`` (domain ``prlcoder.dev``). An invalid field also has a ``BadRequest`` that
names it, a full queue a ``RetryInfo``. Any other exception of a service reaches the client as ``INTERNAL`` with the
request id and no details, because its message could contain data of other callers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

DOMAIN: Final = "prlcoder.dev"


class CallError(Exception):
    """Why a call or one item of a batch gets no result. ``reason`` is UPPER_SNAKE_CASE and is part of the API."""

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: str,
        message: str,
        *,
        field: str = "",
        retry_after_s: float | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.field = field
        self.retry_after_s = retry_after_s
        self.details = dict(details or {})

    def status(self) -> status_pb2.Status:
        """The error as it is sent to the client."""
        info = error_details_pb2.ErrorInfo(reason=self.reason, domain=DOMAIN, metadata=self.details)
        details: list[Message] = [info]
        if self.field:
            violation = error_details_pb2.BadRequest.FieldViolation(field=self.field, description=self.message)
            details.append(error_details_pb2.BadRequest(field_violations=[violation]))
        if self.retry_after_s is not None:
            delay = duration_pb2.Duration()
            delay.FromNanoseconds(int(self.retry_after_s * 1e9))
            details.append(error_details_pb2.RetryInfo(retry_delay=delay))
        message = f"{self.field}: {self.message}" if self.field else self.message
        return status_pb2.Status(code=self.code.value[0], message=message, details=[_packed(part) for part in details])


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def invalid(field: str, message: str) -> CallError:
    """A field is invalid. ``field`` is its path from the request, such as ``items[3].program``."""
    return CallError(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", message, field=field)


def exhausted(message: str, retry_after_s: float) -> CallError:
    """The queue is full; the same call may be made again after ``retry_after_s`` seconds."""
    return CallError(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL", message, retry_after_s=retry_after_s)


def unavailable(reason: str, message: str, retry_after_s: float | None = None) -> CallError:
    """Nothing was done. Another server may do it, or this one later."""
    return CallError(grpc.StatusCode.UNAVAILABLE, reason, message, retry_after_s=retry_after_s)


def internal(request_id: str) -> CallError:
    """The server failed. The client learns only the request id, under which the server's log has the cause."""
    message = f"the server failed; its log has the cause under request {request_id}"
    return CallError(grpc.StatusCode.INTERNAL, "INTERNAL", message, details={"request_id": request_id})
