"""The life of a server: bind, load, serve, drain, stop. One service a server; health and reflection come with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from prlcoder.errors import InputError
from prlcoder.rpc.call_metrics import CallMetrics
from prlcoder.rpc.calls import CallGate, Calls
from prlcoder.rpc.service import Recovering, Service
from prlcoder.rpc.settings import ServerSettings
from prlcoder.rpc.tls import server_credentials
from prlcoder.rpc.tokens import Tokens
from prlcoder.signals import STOP_SIGNALS
from prlcoder.telemetry.logs import logger
from prlcoder.telemetry.metrics import Exporter, new_registry
from prlcoder.telemetry.tracing import tracer

LOG = logger("rpc")
SERVING: Final = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING
WATCH_S: Final = 0.5  # between two looks at a service's own health
DRAIN_CHECK_S: Final = 0.02  # between two looks at the calls that are still open
FINAL_READ_S: Final = 0.5  # for clients to read how their calls ended, before the connection goes
MAX_UNREAD_CALLS: Final = 1 << 20  # calls; far more than the streams of any number of clients that one server has
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "[::1]", "localhost"})


class Server:
    """One service behind a port. ``start``, then ``stop``; or ``serve`` until a signal."""

    def __init__(self, service: Service, settings: ServerSettings, registry: CollectorRegistry | None = None) -> None:
        """``registry`` holds the service's own metrics. ``InputError`` for tokens or certificates that are not
        usable, and for an address that would be open to others in plaintext."""
        require_safe(settings)
        self._service = service
        self._settings = settings
        self._registry = registry if registry is not None else new_registry()
        self._gate = CallGate(settings.limits.calls, Tokens(settings.token_file) if settings.token_file else None)
        self._credentials = server_credentials(settings.tls) if settings.tls else None
        self._exporter: Exporter | None = None
        self._watching: asyncio.Task[None] | None = None
        self._health = health_aio.HealthServicer()
        self._server: Any = None
        self.port = 0

    @property
    def metrics_port(self) -> int | None:
        """Where ``/metrics`` is, if there are metrics."""
        return self._exporter.port if self._exporter is not None else None

    async def start(self) -> None:
        """Listen at once (health says NOT_SERVING), load the service, then serve. Errors leave nothing behind."""
        await self._set_health(NOT_SERVING)
        calls = Calls(self._gate, CallMetrics(self._registry), tracer(self._service.full_name))
        self._server = grpc.aio.server(interceptors=[calls], options=_options(self._settings))
        self._service.register(self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            (self._service.full_name, "grpc.health.v1.Health", reflection.SERVICE_NAME), self._server
        )
        try:
            self.port = self._bind()
            if self._settings.metrics_port is not None:
                self._exporter = Exporter(self._registry, self._settings.host, self._settings.metrics_port)
            await self._server.start()
            await self._service.start()
        except BaseException:
            await self._close(grace_s=None)
            raise
        self._gate.ready = True
        await self._set_health(SERVING)
        if isinstance(self._service, Recovering):
            self._watching = asyncio.create_task(self._watch(self._service))
        LOG.info("serving", extra={"service": self._service.full_name, "port": self.port})

    async def stop(self) -> None:
        """Drain: NOT_SERVING, a moment for load balancers, no new calls, a grace for the accepted ones, the end."""
        if self._watching is not None:
            self._watching.cancel()
        await self._set_health(NOT_SERVING)
        await asyncio.sleep(self._settings.drain_delay_s)
        self._gate.draining = True
        self._service.drain()
        ends = time.monotonic() + self._settings.drain_grace_s
        if self._gate.open_calls:
            await self._final_report(ends)
        await self._close(max(ends - time.monotonic(), 0.0))
        LOG.info("stopped", extra={"service": self._service.full_name})

    async def _final_report(self, ends: float) -> None:
        """Wait for the open calls until ``ends`` (monotonic seconds), then a moment more: a client that is writing into
        a stream when its connection closes is told of that, and may never read answers and status on their way."""
        while self._gate.open_calls and time.monotonic() < ends:
            await asyncio.sleep(DRAIN_CHECK_S)
        await asyncio.sleep(FINAL_READ_S)

    async def _close(self, grace_s: float | None) -> None:
        await self._server.stop(grace_s)
        await self._service.close()
        if self._exporter is not None:
            self._exporter.close()

    async def _watch(self, service: Recovering) -> None:
        """Let health follow the service's own word."""
        said = True
        while True:
            await asyncio.sleep(WATCH_S)
            if service.healthy != said:
                said = service.healthy
                await self._set_health(SERVING if said else NOT_SERVING)
                LOG.warning("health", extra={"serving": said})

    async def _set_health(self, status: health_pb2.HealthCheckResponse.ServingStatus) -> None:
        for name in ("", self._service.full_name):
            await self._health.set(name, status)

    def _bind(self) -> int:
        address = f"{self._settings.host}:{self._settings.port}"
        try:
            port: int = (
                self._server.add_insecure_port(address)
                if self._credentials is None
                else self._server.add_secure_port(address, self._credentials)
            )
        except RuntimeError:
            raise InputError(f"--port: cannot listen on {address}; is another process there?") from None
        return port


def _options(settings: ServerSettings) -> list[tuple[str, Any]]:
    limits = settings.limits
    return [
        ("grpc.max_receive_message_length", limits.message_bytes),
        ("grpc.max_send_message_length", -1),
        # A connection's: what is above `calls` is told when to come again, what is far above waits with the client.
        ("grpc.max_concurrent_streams", 2 * limits.calls),
        # By itself gRPC cancels at random what all connections together queue above 1000 calls, and what waits for
        # 30 s; a client cannot tell that from a cancelled call, and does not repeat it. Its deadline is the bound.
        ("grpc.server.max_pending_requests", MAX_UNREAD_CALLS),
        ("grpc.server.max_pending_requests_hard_limit", MAX_UNREAD_CALLS),
        ("grpc.server_max_unrequested_time_in_server", 24 * 3600),
        ("grpc.max_connection_age_ms", int(limits.connection_age_s * 1000)),
        ("grpc.max_connection_age_grace_ms", int(limits.connection_grace_s * 1000)),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),  # clients may ping every 30 s
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.so_reuseport", 0),  # a port in use is an error, not a second server that takes half of the calls
    ]


def require_safe(settings: ServerSettings) -> None:
    """``InputError`` for plaintext on an address that other machines reach, unless it was asked for."""
    if settings.tls is None and not settings.insecure and settings.host not in LOOPBACK:
        raise InputError(
            f"--host: {settings.host} is not loopback and there is no TLS; "
            "give --tls-certificate and --tls-key, or --insecure where the network is yours"
        )


async def serve(server: Server, ready: Callable[[Server], None]) -> None:
    """Serve until SIGTERM or SIGINT, then drain. ``ready`` is called when health says SERVING."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stopped.set)
    starting = asyncio.ensure_future(server.start())
    waiting = asyncio.ensure_future(stopped.wait())
    await asyncio.wait((starting, waiting), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
    with suppress(asyncio.CancelledError):
        await starting
    if stopped.is_set() and starting.cancelled():
        return
    ready(server)
    await waiting
    await server.stop()
