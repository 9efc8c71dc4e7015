"""Real servers on free ports, on an event loop in a thread of the test's process."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc

from prlcoder.rpc.server import Server
from prlcoder.rpc.service import Service
from prlcoder.rpc.settings import Limits, ServerSettings
from prlcoder.stages.blocking import LoopThread
from prlcoder.telemetry.metrics import new_registry

SMALL = Limits(message_bytes=1 << 20, batch_items=8, queue_items=64)
Make = Callable[[Limits, object], Service]
Serve = Callable[..., Server]


@contextmanager
def serving() -> Iterator[Serve]:
    """``start(make, settings)``: ``make(limits, registry)`` is called on the servers' loop."""
    thread = LoopThread()
    servers: list[Server] = []

    def start(make: Make, settings: ServerSettings | None = None) -> Server:
        settings = settings or ServerSettings(limits=SMALL)

        async def started() -> Server:
            registry = new_registry()
            server = Server(make(settings.limits, registry), settings, registry)
            await server.start()
            return server

        servers.append(thread.run(started()))
        return servers[-1]

    try:
        yield start
    finally:
        for server in servers:
            thread.run(server.stop())
        thread.stop()


def channel(server: Server) -> grpc.Channel:
    """A plain channel, for what the typed clients would never send."""
    return grpc.insecure_channel(f"127.0.0.1:{server.port}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def parent(pid: int) -> int:
    """The process that started another; the model's is a fork server."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something on another thread has happened; the test's own time limit ends a wait in vain."""
    while not holds():
        time.sleep(0.005)
