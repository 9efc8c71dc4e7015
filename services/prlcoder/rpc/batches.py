"""Batches: a limit on their size, and one outcome per item whatever happens to the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from google.rpc import status_pb2

from prlcoder.rpc.errors import CallError, internal, invalid
from prlcoder.telemetry.logs import logger, request_id

LOG = logger("rpc")


class HasStatus(Protocol):
    """A per-item result message whose ``outcome`` may be a status."""

    @property
    def status(self) -> status_pb2.Status: ...


def require_batch(items: Sequence[Any], field: str, limit: int) -> None:
    """Raises ``CallError`` if a batch is empty or larger than the limit."""
    if not items:
        raise invalid(field, "is empty; send at least one item")
    if len(items) > limit:
        raise invalid(field, f"has {len(items)} items, more than this server's limit of {limit}; send several batches")


def fail(result: HasStatus, error: Exception) -> None:
    """Make ``error`` the outcome of an item: a ``CallError`` unchanged, any other exception as INTERNAL."""
    if not isinstance(error, CallError):
        LOG.error("item failed", exc_info=error)
        error = internal(request_id.get())
    result.status.CopyFrom(error.status())
