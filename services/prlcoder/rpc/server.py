"""The life of a server: bind, load, serve, drain, stop. A server has one service, and health and reflection with it."""

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

from prlcoder.errors import InputError, WorkError
from prlcoder.rpc.call_metrics import CallMetrics
from prlcoder.rpc.calls import CallGate, Calls
from prlcoder.rpc.service import Mortal, Recovering, Service
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
HEALTH_INTERVAL_S: Final = 0.5  # between two checks of a service's own health
DRAIN_CHECK_S: Final = 0.02  # between two checks whether calls are still open
FINAL_READ_S: Final = 0.5  # for clients to read how their calls ended, before the connection is closed
MAX_UNREAD_CALLS: Final = 1 << 20  # far more than the clients of one server can have open
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "[::1]", "localhost"})


class Server:
    """One service on one port. Call ``start``, later ``stop``; or use ``serve`` to run until a signal."""

    def __init__(self, service: Service, settings: ServerSettings, registry: CollectorRegistry | None = None) -> None:
        """``registry`` has the service's own metrics. ``InputError`` if the tokens or certificates cannot be used, or
        if the server would be reachable from other machines in plaintext."""
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
        """The port of ``/metrics``; None without metrics."""
        return self._exporter.port if self._exporter is not None else None

    async def start(self) -> None:
        """Listen at once (health says NOT_SERVING), load the service, then serve. If that fails, everything is closed
        again before the exception is raised."""
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
        """Drain and stop: health says NOT_SERVING, load balancers get time to notice, new calls are refused, accepted
        calls get time to finish, then everything is closed."""
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
        """Wait for the open calls until ``ends`` (monotonic seconds), and then for the clients to read the results.

        A client that writes into a stream while its connection closes gets that error, and may never read the answers
        and the status that are already on their way.
        """
        while self._gate.open_calls and time.monotonic() < ends:
            await asyncio.sleep(DRAIN_CHECK_S)
        await asyncio.sleep(FINAL_READ_S)

    async def _close(self, grace_s: float | None) -> None:
        await self._server.stop(grace_s)
        await self._service.close()
        if self._exporter is not None:
            self._exporter.close()

    async def ended(self) -> str:
        """Wait until the service's core has ended for good, perhaps for ever. Returns the reason."""
        while not (isinstance(self._service, Mortal) and self._service.ended):
            await asyncio.sleep(HEALTH_INTERVAL_S)
        return self._service.ended

    async def _watch(self, service: Recovering) -> None:
        """Make health follow the service's ``healthy``."""
        said = True
        while True:
            await asyncio.sleep(HEALTH_INTERVAL_S)
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
        # Per connection. Calls above `calls` are refused with a retry hint; calls above twice that are queued by the
        # client.
        ("grpc.max_concurrent_streams", 2 * limits.calls),
        # By default gRPC cancels calls at random when all connections together have queued more than 1000, and calls
        # that have waited for 30 s. A client cannot tell this from a cancelled call and does not retry it. So these
        # limits are raised out of reach, and the call's own deadline is the bound.
        ("grpc.server.max_pending_requests", MAX_UNREAD_CALLS),
        ("grpc.server.max_pending_requests_hard_limit", MAX_UNREAD_CALLS),
        ("grpc.server_max_unrequested_time_in_server", 24 * 3600),
        ("grpc.max_connection_age_ms", int(limits.connection_age_s * 1000)),
        ("grpc.max_connection_age_grace_ms", int(limits.connection_grace_s * 1000)),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),  # clients may ping every 30 s
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.so_reuseport", 0),  # otherwise a second server could bind the same port and would get half of the calls
    ]


def require_safe(settings: ServerSettings) -> None:
    """``InputError`` for plaintext on an address that other machines can reach, unless ``insecure`` allows it."""
    if settings.tls is None and not settings.insecure and settings.host not in LOOPBACK:
        raise InputError(
            f"--host: {settings.host} is not loopback and there is no TLS; "
            "give --tls-certificate and --tls-key, or --insecure in a network that you trust"
        )


async def serve(server: Server, ready: Callable[[Server], None]) -> None:
    """Serve until SIGTERM or SIGINT, then drain. ``ready`` is called once health says SERVING.

    ``WorkError`` if the service's core has ended before that.
    """
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
    ended = asyncio.ensure_future(server.ended())
    await asyncio.wait((waiting, ended), return_when=asyncio.FIRST_COMPLETED)
    await server.stop()
    if ended.done():
        raise WorkError(ended.result())
    ended.cancel()
