"""What a server is told: where it listens, whom it trusts, how much it takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ServerTls:
    """PEM files; they are read again when they change. ``client_ca`` set: clients must show a certificate of it."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


@dataclass(frozen=True)
class ServerLimits:
    """What one server takes at a time. Sizes in bytes, times in seconds."""

    message_bytes: int = 16 << 20
    batch_items: int = 1024
    queue_items: int = 4096  # accepted and not finished, over all calls
    calls: int = 512  # open at one time
    connection_age_s: float = 600.0  # then clients are asked to connect anew, so that load spreads over new servers
    connection_grace_s: float = 600.0  # for the calls of such a connection to end


@dataclass(frozen=True)
class ServerSettings:
    """One server. ``tls=None`` is plaintext; ports 0 are chosen by the system; ``metrics_port=None`` has no metrics."""

    host: str = "127.0.0.1"
    port: int = 0
    metrics_port: int | None = 0
    tls: ServerTls | None = None
    insecure: bool = False  # plaintext on an address that is not loopback
    token_file: Path | None = None  # one bearer token a line; read again when it changes
    limits: ServerLimits = ServerLimits()
    drain_delay_s: float = 0.0  # between NOT_SERVING and refusing calls, for load balancers to notice
    drain_grace_s: float = 30.0  # for accepted calls to end
