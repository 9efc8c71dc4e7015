"""OpenTelemetry traces. They are off unless the standard ``OTEL_*`` environment variables turn them on.

``OTEL_EXPORTER_OTLP_ENDPOINT`` or ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`` turns them on; ``OTEL_SDK_DISABLED=true`` or
``OTEL_TRACES_EXPORTER=none`` turns them off again. The SDK reads all other variables itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import context, propagate, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer


def tracer(service: str) -> Tracer:
    """The tracer of one service's process. It does nothing if tracing is off."""
    if not _wanted():
        return trace.NoOpTracer()
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME", service)
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("prlcoder")


def _wanted() -> bool:
    values = os.environ
    if values.get("OTEL_SDK_DISABLED", "").lower() == "true" or values.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    return any(values.get(f"OTEL_EXPORTER_OTLP_{kind}ENDPOINT") for kind in ("", "TRACES_"))


@contextmanager
def call_span(source: Tracer, method: str, metadata: Mapping[str, str]) -> Iterator[Span]:
    """The span of one served call. It is a child of the caller's span if ``metadata`` has a ``traceparent``."""
    if isinstance(source, trace.NoOpTracer):
        yield trace.INVALID_SPAN
        return
    token = context.attach(propagate.extract(metadata))
    try:
        service, _, name = method.lstrip("/").partition("/")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}
        with source.start_as_current_span(method.lstrip("/"), kind=SpanKind.SERVER, attributes=attributes) as span:
            yield span
    finally:
        context.detach(token)


def end_span(span: Span, code: int, name: str) -> None:
    """Record a call's status code on its span."""
    span.set_attribute("rpc.grpc.status_code", code)
    if code:
        span.set_status(Status(StatusCode.ERROR, name))
