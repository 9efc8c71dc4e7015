"""The protocol that a service implements so that ``prlcoder.rpc.server`` can serve it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import grpc.aio


class Service(Protocol):
    """One gRPC service over a core. Its handlers raise ``CallError`` for errors that the client should read.

    Handlers run on the event loop, so blocking or long work belongs on threads or processes of the service. If a client
    cancels a call or its deadline passes, the handler's task is cancelled and should stop the work.
    """

    full_name: str  # such as "prlcoder.v1.PrmService"

    def register(self, server: grpc.aio.Server) -> None:
        """Add the handlers to a server that has not started."""
        ...

    async def start(self) -> None:
        """Load everything. Until this returns, calls are refused (UNAVAILABLE) and health says NOT_SERVING."""
        ...

    def drain(self) -> None:
        """The server is about to stop: accept no more work and finish the accepted work. Must not block."""
        ...

    async def close(self) -> None:
        """Free all resources. Called once, after the last call has ended."""
        ...


@runtime_checkable
class Recovering(Protocol):
    """A service whose core can fail and recover while it serves. The server's health follows ``healthy``."""

    @property
    def healthy(self) -> bool:
        """Whether calls can be answered now."""
        ...


@runtime_checkable
class Mortal(Protocol):
    """A service whose core may end for good. The server then stops, so that what has started it can start it again."""

    @property
    def ended(self) -> str:
        """Why the core has ended; empty while it runs."""
        ...
