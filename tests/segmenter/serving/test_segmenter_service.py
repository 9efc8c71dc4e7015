"""The segmenter over gRPC equals the segmenter."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from tests.fixtures.serving import Serve, channel

from prlcoder.rpc.client import ServiceError
from prlcoder.rpc.server import Server
from prlcoder.segmenter import Segment, SegmentationError, segment
from prlcoder.segmenter.serving.client import BlockingSegmenter, SegmenterClient
from prlcoder.segmenter.serving.service import SegmenterService
from prlcoder.v1 import segmenter_pb2, segmenter_pb2_grpc

PROGRAM = "import math\n\n\ndef area(r):\n    # of a circle\n    square = r * r\n    return math.pi * square\n"
ODD = ["", "def", "x = 'ß🎈'\ny = 2\n", "(" * 300 + ")" * 300, "\tx = 1\n", "x\x00y\n", "\ufeffx = 1\n"]


def cut(program: str) -> list[Segment] | SegmentationError:
    """What the core makes of it."""
    try:
        return segment(program, "line")
    except SegmentationError as error:
        return error


def shown(outcome: list[Segment] | SegmentationError) -> str:
    """The same text for the same outcome: errors have no equality."""
    return str(outcome)


@pytest.fixture(scope="module")
def server(serve: Serve) -> Server:
    return serve(lambda limits, registry: SegmenterService(limits, registry, workers=1))


@pytest.fixture(scope="module")
def target(server: Server) -> str:
    return f"127.0.0.1:{server.port}"


@pytest.mark.parametrize("mode", ["line", "block"])
def test_segments_are_those_of_the_core(target: str, mode: str) -> None:
    with BlockingSegmenter(target) as client:
        (found,) = client.segment([PROGRAM], mode)
    assert found == segment(PROGRAM, mode)


def test_a_program_that_cannot_be_cut_is_a_result_like_any_other(target: str) -> None:
    with BlockingSegmenter(target) as client:
        found = client.segment([*ODD, PROGRAM], "line")
    expected = [shown(cut(program)) for program in [*ODD, PROGRAM]]
    assert [shown(one) for one in found] == expected
    assert sum(text.startswith("line") for text in expected) >= 3


def test_the_asynchronous_client_is_the_same(target: str) -> None:
    async def ask() -> object:
        async with SegmenterClient(target) as client:
            return await client.segment([PROGRAM], "line")

    assert asyncio.run(ask()) == [segment(PROGRAM, "line")]


@pytest.mark.parametrize(
    ("count", "mode", "message"),
    [
        (0, 1, "sources: is empty"),
        (9, 1, "more than this server's limit of 8"),
        (1, 0, "mode: is not a segmentation mode"),
        (1, 77, "mode: is not a segmentation mode"),
    ],
)
def test_a_wrong_batch_names_its_field(server: Server, count: int, mode: int, message: str) -> None:
    request = segmenter_pb2.SegmentRequest(sources=[segmenter_pb2.Source(program=PROGRAM)] * count, mode=mode)
    with pytest.raises(grpc.RpcError, match=message) as caught:
        segmenter_pb2_grpc.SegmenterServiceStub(channel(server)).Segment(request, timeout=10)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_server_that_is_away_is_one_message() -> None:
    with BlockingSegmenter("127.0.0.1:1", timeout_s=0.5) as client, pytest.raises(ServiceError) as caught:
        client.segment([PROGRAM], "line")
    assert caught.value.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    assert "127.0.0.1:1" in str(caught.value)
