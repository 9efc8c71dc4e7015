"""gRPC's server metrics, named and labelled as go-grpc-prometheus does, so that its dashboards and alerts work."""

from __future__ import annotations

import time
from typing import Final

import grpc
from prometheus_client import CollectorRegistry, Counter, Histogram

from prlcoder.telemetry.metrics import CALL_SECONDS

_LABELS: Final = ("grpc_type", "grpc_service", "grpc_method")
_GO_NAMES: Final = {code: "".join(word.capitalize() for word in code.name.split("_")) for code in grpc.StatusCode} | {
    grpc.StatusCode.OK: "OK",
    grpc.StatusCode.CANCELLED: "Canceled",
}


class CallMetrics:
    """Counts calls and their messages, times them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._started = Counter("grpc_server_started", "Calls that began.", _LABELS, registry=registry)
        self._handled = Counter(
            "grpc_server_handled", "Calls that ended, by status code.", (*_LABELS, "grpc_code"), registry=registry
        )
        self._received = Counter("grpc_server_msg_received", "Messages received.", _LABELS, registry=registry)
        self._sent = Counter("grpc_server_msg_sent", "Messages sent.", _LABELS, registry=registry)
        self._seconds = Histogram(
            "grpc_server_handling_seconds",
            "Seconds from a call's arrival to its end.",
            _LABELS,
            buckets=CALL_SECONDS,
            registry=registry,
        )

    def begin(self, method: str, kind: str) -> CallRecord:
        """One call of ``/package.Service/Method``."""
        service, _, name = method.lstrip("/").partition("/")
        labels = (kind, service, name)
        self._started.labels(*labels).inc()
        return CallRecord(self, labels)


class CallRecord:
    """One call's share of the metrics."""

    def __init__(self, metrics: CallMetrics, labels: tuple[str, str, str]) -> None:
        self._metrics, self._labels = metrics, labels
        self._began = time.monotonic()
        self.received = metrics._received.labels(*labels)
        self.sent = metrics._sent.labels(*labels)

    def end(self, code: grpc.StatusCode) -> float:
        """The call is over; its seconds."""
        seconds = time.monotonic() - self._began
        self._metrics._handled.labels(*self._labels, _GO_NAMES[code]).inc()
        self._metrics._seconds.labels(*self._labels).observe(seconds)
        return seconds
