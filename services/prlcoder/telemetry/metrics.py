"""Prometheus metrics of a server's process, served on a port of their own.

A room defines its metrics in a module whose name ends in ``metrics``, as ``CounterMetric``, ``GaugeMetric`` or
``HistogramMetric``. A definition carries what an operator must know: the unit, each label with its values, and when the
metric is absent. ``prlcoder.telemetry.reference`` makes ``docs/reference/metrics.md`` of the definitions. The names are
API: ``docs/reference/contracts.md``, section 7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from prlcoder.errors import InputError

CALL_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


@dataclass(frozen=True, kw_only=True)
class MetricDefinition:
    """One metric before it is registered. ``help`` is one sentence; ``labels`` maps each label to its meaning and
    values, in order; ``absent`` says when a scrape does not contain the metric, where that is special to it."""

    kind: ClassVar[str]

    name: str
    help: str
    unit: str
    labels: Mapping[str, str] = field(default_factory=dict)
    absent: str = ""

    @property
    def exposed_name(self) -> str:
        """The name in a scrape."""
        return self.name


@dataclass(frozen=True, kw_only=True)
class CounterMetric(MetricDefinition):
    """A number that only grows until the process ends. A scrape adds ``_total`` to the name."""

    kind = "counter"

    @property
    def exposed_name(self) -> str:
        """The name in a scrape."""
        return f"{self.name}_total"

    def register(self, registry: CollectorRegistry) -> Counter:
        """The counter, in ``registry``."""
        return Counter(self.name, self.help, tuple(self.labels), registry=registry)


@dataclass(frozen=True, kw_only=True)
class GaugeMetric(MetricDefinition):
    """A number that rises and falls."""

    kind = "gauge"

    def register(self, registry: CollectorRegistry) -> Gauge:
        """The gauge, in ``registry``."""
        return Gauge(self.name, self.help, tuple(self.labels), registry=registry)


@dataclass(frozen=True, kw_only=True)
class HistogramMetric(MetricDefinition):
    """A distribution. ``buckets`` are the upper bounds, ascending, in the metric's unit; ``+Inf`` is added to them."""

    kind = "histogram"
    buckets: Sequence[float]

    def register(self, registry: CollectorRegistry) -> Histogram:
        """The histogram, in ``registry``."""
        return Histogram(self.name, self.help, tuple(self.labels), buckets=self.buckets, registry=registry)


def new_registry() -> CollectorRegistry:
    """A registry with the metrics of the process itself (``process_*``, ``python_*``)."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class Exporter:
    """Serves ``/metrics`` over HTTP on a thread of its own."""

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        """With port 0 the system chooses one. ``InputError`` if the port is taken."""
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as error:
            raise InputError(f"--metrics-port: cannot listen on {host}:{port} ({error.strerror})") from None
        self.port: int = self._server.server_port

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
