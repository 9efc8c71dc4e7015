"""Traces go to an OTLP collector when the environment names one, and nowhere without it. The collector is a real one,
as small as it can be: the protocol's own gRPC service."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from tests.fixtures.serving import eventually

from prlcoder.cli.serve_all import read_ready
from prlcoder.v1 import segmenter_pb2, segmenter_pb2_grpc

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
METHOD = "prlcoder.v1.SegmenterService/Segment"


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.requests: list[Any] = []

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 (as gRPC names it)
        """One batch of spans."""
        self.requests.append(request)
        return trace_service_pb2.ExportTraceServiceResponse()

    @property
    def spans(self) -> list[tuple[str, Any]]:
        """Every span, after the name of the service that it comes from."""
        return [
            (attribute.value.string_value, span)
            for request in self.requests
            for resource in request.resource_spans
            for attribute in resource.resource.attributes
            if attribute.key == "service.name"
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
def collector() -> Iterator[tuple[Collector, str]]:
    """A collector and its endpoint."""
    server = grpc.server(ThreadPoolExecutor(2))
    service = Collector()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield service, f"http://127.0.0.1:{port}"
    server.stop(None).wait()


def call_twice(folder: Path, environment: Mapping[str, str]) -> None:
    """A segmenter's process that is called twice, the second time wrongly, and then stopped."""
    ready = folder / "ready.json"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    command = [sys.executable, "-m", "prlcoder.cli", "serve", "segmenter", "--workers", "1", "--ready-file", str(ready)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**clean, **environment})
    try:
        eventually(lambda: ready.exists() or process.poll() is not None)
        with grpc.insecure_channel(read_ready(ready)["segmenter"]["grpc"] or "") as channel:
            stub: Any = segmenter_pb2_grpc.SegmenterServiceStub(channel)
            request = segmenter_pb2.SegmentRequest(sources=[segmenter_pb2.Source(program="x = 1\n")], mode=1)
            stub.Segment(request, timeout=60, metadata=(("traceparent", f"00-{TRACE}-{PARENT}-01"),))
            with pytest.raises(grpc.RpcError, match="is empty"):
                stub.Segment(segmenter_pb2.SegmentRequest(mode=1), timeout=60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def test_each_call_is_a_span_and_a_child_of_its_callers(tmp_path: Path, collector: tuple[Collector, str]) -> None:
    service, endpoint = collector
    call_twice(tmp_path, {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
    (first_from, first), (second_from, second) = service.spans  # what was open is sent when the server ends
    assert (first_from, first.name) == ("prlcoder.v1.SegmenterService", METHOD)
    assert (second_from, second.name) == (first_from, METHOD)
    assert (first.trace_id.hex(), first.parent_span_id.hex()) == (TRACE, PARENT)
    assert (second.trace_id.hex() != TRACE, second.parent_span_id) == (True, b"")
    codes = [
        {attribute.key: attribute.value.int_value for attribute in span.attributes}["rpc.grpc.status_code"]
        for span in (first, second)
    ]
    assert codes == [0, grpc.StatusCode.INVALID_ARGUMENT.value[0]]
    assert [span.status.code for span in (first, second)] == [0, 2]  # unset, error
    assert first.end_time_unix_nano > first.start_time_unix_nano


@pytest.mark.parametrize("off", [None, {"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}])
def test_nothing_is_sent_unless_it_was_asked_for(
    tmp_path: Path, collector: tuple[Collector, str], off: dict[str, str] | None
) -> None:
    service, endpoint = collector
    call_twice(tmp_path, {} if off is None else {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **off})
    assert service.requests == []
