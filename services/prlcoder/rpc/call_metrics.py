"""gRPC's server metrics, named and labelled as go-grpc-prometheus does, so that its dashboards and alerts work."""

from __future__ import annotations

import time
from typing import Final

import grpc
from prometheus_client import CollectorRegistry

from prlcoder.telemetry.metrics import CALL_SECONDS, CounterMetric, HistogramMetric

_METHOD_LABELS: Final = {
    "grpc_type": "one of unary, client_stream, server_stream, bidi_stream",
    "grpc_service": "full name of the service, such as prlcoder.v1.PrmService",
    "grpc_method": "name of the method, such as ScoreSteps",
}
_GO_NAMES: Final = {code: "".join(word.capitalize() for word in code.name.split("_")) for code in grpc.StatusCode} | {
    grpc.StatusCode.OK: "OK",
    grpc.StatusCode.CANCELLED: "Canceled",
}

STARTED: Final = CounterMetric(
    name="grpc_server_started",
    help="Calls that began on the server.",
    unit="calls",
    labels=_METHOD_LABELS,
)
HANDLED: Final = CounterMetric(
    name="grpc_server_handled",
    help="Calls that ended on the server, whether or not they succeeded.",
    unit="calls",
    labels=_METHOD_LABELS | {"grpc_code": f"the status code, one of {', '.join(_GO_NAMES.values())}"},
)
RECEIVED: Final = CounterMetric(
    name="grpc_server_msg_received",
    help="Messages that the server received: one per unary call, any number per stream.",
    unit="messages",
    labels=_METHOD_LABELS,
)
SENT: Final = CounterMetric(
    name="grpc_server_msg_sent",
    help="Messages that the server sent: one per unary call that succeeded, any number per stream.",
    unit="messages",
    labels=_METHOD_LABELS,
)
HANDLING: Final = HistogramMetric(
    name="grpc_server_handling_seconds",
    help="Time from a call's arrival to its end.",
    unit="seconds",
    labels=_METHOD_LABELS,
    buckets=CALL_SECONDS,
)


class CallMetrics:
    """Counts calls and their messages, and times calls."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.started = STARTED.register(registry)
        self.handled = HANDLED.register(registry)
        self.received = RECEIVED.register(registry)
        self.sent = SENT.register(registry)
        self.handling = HANDLING.register(registry)

    def begin(self, method: str, kind: str) -> CallRecord:
        """Count one call of ``/package.Service/Method``."""
        service, _, name = method.lstrip("/").partition("/")
        labels = (kind, service, name)
        self.started.labels(*labels).inc()
        return CallRecord(self, labels)


class CallRecord:
    """The metrics of one call."""

    def __init__(self, metrics: CallMetrics, labels: tuple[str, str, str]) -> None:
        self._metrics, self._labels = metrics, labels
        self._began = time.monotonic()
        self.received = metrics.received.labels(*labels)
        self.sent = metrics.sent.labels(*labels)

    def end(self, code: grpc.StatusCode) -> float:
        """Count the call as ended; returns how many seconds it took."""
        seconds = time.monotonic() - self._began
        self._metrics.handled.labels(*self._labels, _GO_NAMES[code]).inc()
        self._metrics.handling.labels(*self._labels).observe(seconds)
        return seconds
