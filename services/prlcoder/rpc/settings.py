"""Settings of a server: where it listens, whom it trusts, how much work it accepts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ServerTls:
    """PEM files, which are read again when they change. With ``client_ca`` every client must present a certificate that
    this authority has signed."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


@dataclass(frozen=True)
class ServerLimits:
    """How much work one server accepts. Sizes in bytes, times in seconds."""

    message_bytes: int = 16 << 20
    batch_items: int = 1024
    queue_items: int = 4096  # accepted and not finished, over all calls
    calls: int = 512  # open at the same time
    connection_age_s: float = 600.0  # after which clients must reconnect, so that load spreads over new servers
    connection_grace_s: float = 600.0  # for the calls of such a connection to finish


@dataclass(frozen=True)
class ServerSettings:
    """One server. ``tls=None`` means plaintext, port 0 a port that the system chooses, and ``metrics_port=None`` no
    metrics."""

    host: str = "127.0.0.1"
    port: int = 0
    metrics_port: int | None = 0
    tls: ServerTls | None = None
    insecure: bool = False  # allow plaintext on an address that is not loopback
    token_file: Path | None = None  # one bearer token per line; read again when it changes
    limits: ServerLimits = ServerLimits()
    drain_delay_s: float = 0.0  # between NOT_SERVING and refusing calls, for load balancers to notice
    drain_grace_s: float = 30.0  # for accepted calls to finish
