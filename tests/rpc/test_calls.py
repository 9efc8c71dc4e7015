"""What the server shell does around every call, on a real server over a real channel."""

from __future__ import annotations

import asyncio
import threading
import urllib.request
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from tests.fixtures.odd_segmenter import SECRET, OddSegmenter
from tests.fixtures.serving import SMALL, Serve, channel, eventually, free_port

from prlcoder.errors import InputError
from prlcoder.rpc.server import Server
from prlcoder.rpc.settings import ServerSettings
from prlcoder.v1 import segmenter_pb2, segmenter_pb2_grpc

METHOD = "/prlcoder.v1.SegmenterService/Segment"
FINE = segmenter_pb2.SegmentRequest(sources=[segmenter_pb2.Source(id="a", program="x = 1\n")])


def wish(text: str) -> segmenter_pb2.SegmentRequest:
    return segmenter_pb2.SegmentRequest(sources=[segmenter_pb2.Source(program=text)])


def detail(error: grpc.RpcError, kind: Any) -> Any:
    """The first detail of one kind in an error's status."""
    status = rpc_status.from_call(error)
    assert status is not None
    assert any(packed.Unpack(kind) for packed in status.details), status
    return kind


@pytest.fixture(scope="module")
def odd() -> list[OddSegmenter]:
    return []


@pytest.fixture(scope="module")
def server(serve: Serve, odd: list[OddSegmenter]) -> Server:
    def make(limits: object, registry: object) -> OddSegmenter:
        odd.append(OddSegmenter())
        return odd[0]

    return serve(make)


@pytest.fixture(scope="module")
def stub(server: Server) -> Any:
    return segmenter_pb2_grpc.SegmenterServiceStub(channel(server))


def test_health_is_served_for_the_server_and_for_the_service(server: Server) -> None:
    health = health_pb2_grpc.HealthStub(channel(server))
    for name in ("", "prlcoder.v1.SegmenterService"):
        assert health.Check(health_pb2.HealthCheckRequest(service=name)).status == 1
    watched = health.Watch(health_pb2.HealthCheckRequest(service=""))
    assert next(watched).status == 1
    watched.cancel()


def test_reflection_describes_the_service(server: Server) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel(server))
    request = reflection_pb2.ServerReflectionRequest(file_containing_symbol="prlcoder.v1.SegmenterService")
    (answer,) = stub.ServerReflectionInfo(iter([request]))
    files = [
        descriptor_pb2.FileDescriptorProto.FromString(data)
        for data in answer.file_descriptor_response.file_descriptor_proto
    ]
    assert "prlcoder/v1/segmenter.proto" in {file.name for file in files}


def test_a_call_without_a_deadline_is_refused_with_the_remedy(stub: Any) -> None:
    with pytest.raises(grpc.RpcError, match="set one") as caught:
        stub.Segment(FINE)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    info = detail(caught.value, error_details_pb2.ErrorInfo())
    assert (info.domain, info.reason) == ("prlcoder.dev", "DEADLINE_REQUIRED")


def test_a_deadline_that_passes_ends_the_call_and_frees_its_work(stub: Any, odd: list[OddSegmenter]) -> None:
    odd[0].freed.clear()
    with pytest.raises(grpc.RpcError) as caught:
        stub.Segment(wish("hang"), timeout=0.5)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    eventually(odd[0].freed.is_set)


def test_a_cancelled_call_frees_its_work(stub: Any, odd: list[OddSegmenter]) -> None:
    odd[0].freed.clear()
    odd[0].hanging.clear()
    call = stub.Segment.future(wish("hang"), timeout=60)
    eventually(odd[0].hanging.is_set)
    call.cancel()
    eventually(odd[0].freed.is_set)


def test_a_fault_of_ours_tells_the_request_id_and_nothing_else(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Segment(wish("raise"), timeout=10, metadata=(("x-request-id", "mine-1"),))
    error = caught.value
    assert error.code() is grpc.StatusCode.INTERNAL
    info = detail(error, error_details_pb2.ErrorInfo())
    assert info.metadata["request_id"] == dict(error.trailing_metadata())["x-request-id"] == "mine-1"
    everything = f"{error.details()}{error.trailing_metadata()}{rpc_status.from_call(error)}"
    assert SECRET not in everything
    assert "Traceback" not in everything


def test_every_answer_carries_a_request_id(stub: Any) -> None:
    _, call = stub.Segment.with_call(FINE, timeout=10)
    assert len(dict(call.trailing_metadata())["x-request-id"]) == 32
    _, call = stub.Segment.with_call(FINE, timeout=10, metadata=(("x-request-id", "no good: spaces"),))
    assert len(dict(call.trailing_metadata())["x-request-id"]) == 32


def test_bytes_that_are_no_message_are_wrong_input(server: Server) -> None:
    raw = channel(server).unary_unary(METHOD)
    with pytest.raises(grpc.RpcError, match="not a message") as caught:
        raw(b"\xff\xfe\x00garbage", timeout=10)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_unknown_fields_are_ignored_as_protobuf_says(server: Server) -> None:
    raw = channel(server).unary_unary(METHOD)
    answer = raw(FINE.SerializeToString() + b"\xfa\x3f\x03new", timeout=10)
    assert segmenter_pb2.SegmentResponse.FromString(answer).results[0].id == "a"


def test_a_message_above_the_limit_is_refused(stub: Any) -> None:
    with pytest.raises(grpc.RpcError, match="larger than max") as caught:
        stub.Segment(wish("x" * (SMALL.message_bytes + 1)), timeout=10)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_an_unknown_method_is_unimplemented(server: Server) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        channel(server).unary_unary("/prlcoder.v1.SegmenterService/Nothing")(b"", timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_calls_above_the_limit_are_told_when_to_come_again(serve: Serve) -> None:
    odd = []

    def make(limits: object, registry: object) -> OddSegmenter:
        odd.append(OddSegmenter())
        return odd[0]

    stub: Any = segmenter_pb2_grpc.SegmenterServiceStub(
        channel(serve(make, ServerSettings(limits=type(SMALL)(calls=1))))
    )
    first = stub.Segment.future(wish("hang"), timeout=60)
    eventually(odd[0].hanging.is_set)
    with pytest.raises(grpc.RpcError) as caught:
        stub.Segment(FINE, timeout=10)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert detail(caught.value, error_details_pb2.RetryInfo()).retry_delay.ToMilliseconds() > 0
    first.cancel()


def test_watching_health_takes_no_call_from_others(serve: Serve) -> None:
    opened = channel(serve(lambda *_: OddSegmenter(), ServerSettings(limits=type(SMALL)(calls=1))))
    watch = health_pb2_grpc.HealthStub(opened).Watch(health_pb2.HealthCheckRequest(), timeout=60)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    stub: Any = segmenter_pb2_grpc.SegmenterServiceStub(opened)
    assert stub.Segment(FINE, timeout=10).results
    watch.cancel()


def test_metrics_are_named_as_go_grpc_prometheus_names_them(server: Server, stub: Any) -> None:
    stub.Segment(FINE, timeout=10)
    with pytest.raises(grpc.RpcError):
        stub.Segment(FINE)
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics") as page:
        text = page.read().decode()
    labels = 'grpc_method="Segment",grpc_service="prlcoder.v1.SegmenterService",grpc_type="unary"'
    for line in (
        f"grpc_server_started_total{{{labels}}} ",
        f'grpc_server_handled_total{{grpc_code="OK",{labels}}} ',
        f'grpc_server_handled_total{{grpc_code="InvalidArgument",{labels}}} ',
        f"grpc_server_msg_received_total{{{labels}}} ",
        f"grpc_server_handling_seconds_count{{{labels}}} ",
        "process_resident_memory_bytes ",
    ):
        assert line in text, line


def test_a_server_that_loads_says_so(serve: Serve) -> None:
    """Health is NOT_SERVING and calls are UNAVAILABLE until the service has started."""
    odd: list[OddSegmenter] = []
    bound = threading.Event()
    loop: list[asyncio.AbstractEventLoop] = []

    class Loading(OddSegmenter):
        async def start(self) -> None:
            loop.append(asyncio.get_running_loop())
            bound.set()
            await super().start()

    def make(limits: object, registry: object) -> OddSegmenter:
        odd.append(Loading())
        odd[0].loaded.clear()
        return odd[0]

    port = free_port()
    starting = threading.Thread(target=serve, args=(make, ServerSettings(port=port)))
    starting.start()
    assert bound.wait(60)
    plain = grpc.insecure_channel(f"127.0.0.1:{port}")
    assert health_pb2_grpc.HealthStub(plain).Check(health_pb2.HealthCheckRequest()).status == 2
    with pytest.raises(grpc.RpcError) as caught:
        segmenter_pb2_grpc.SegmenterServiceStub(plain).Segment(FINE, timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert detail(caught.value, error_details_pb2.ErrorInfo()).reason == "LOADING"
    loop[0].call_soon_threadsafe(odd[0].loaded.set)
    starting.join(60)
    assert health_pb2_grpc.HealthStub(plain).Check(health_pb2.HealthCheckRequest()).status == 1


def test_a_port_in_use_is_one_message(server: Server, serve: Serve) -> None:
    with pytest.raises(InputError, match="cannot listen"):
        serve(lambda limits, registry: OddSegmenter(), ServerSettings(port=server.port))
