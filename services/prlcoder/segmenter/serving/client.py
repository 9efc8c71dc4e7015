"""The clients of the segmenter: asynchronous, and for synchronous code."""

from __future__ import annotations

from collections.abc import Sequence

from prlcoder.rpc.address import Address
from prlcoder.rpc.blocking import Blocking
from prlcoder.rpc.client import TIMEOUT_S, Client
from prlcoder.segmenter import Mode, Segment, SegmentationError
from prlcoder.segmenter.serving.messages import read_segments, write_mode
from prlcoder.v1 import segmenter_pb2, segmenter_pb2_grpc


class SegmenterClient(Client):
    """``prlcoder.segmenter.segment`` for a batch of programs, on a server."""

    async def segment(
        self, programs: Sequence[str], mode: Mode, *, timeout_s: float | None = None
    ) -> list[list[Segment] | SegmentationError]:
        """The segments of each program, or why it cannot be segmented. ``ServiceError`` if the server did not examine
        one of them."""
        sources = [segmenter_pb2.Source(program=program) for program in programs]
        request = segmenter_pb2.SegmentRequest(sources=sources, mode=write_mode(mode))
        stub = segmenter_pb2_grpc.SegmenterServiceStub(self._channel)
        response = await self.call(stub.Segment, request, timeout_s=timeout_s)
        return [self._read(result, program) for result, program in zip(response.results, programs, strict=True)]

    def _read(self, result: segmenter_pb2.SegmentResult, program: str) -> list[Segment] | SegmentationError:
        match result.WhichOneof("outcome"):
            case "segments":
                return read_segments(result.segments, program, "segments")
            case "error":
                return SegmentationError(result.error.message, result.error.line, result.error.column)
        raise self.item_error(result.status)


class BlockingSegmenter(Blocking[SegmenterClient]):
    """``SegmenterClient`` for synchronous code."""

    def __init__(self, address: Address | str, *, timeout_s: float = TIMEOUT_S) -> None:
        super().__init__(lambda: SegmenterClient(address, timeout_s=timeout_s))

    def segment(self, programs: Sequence[str], mode: Mode) -> list[list[Segment] | SegmentationError]:
        """The segments of each program, or why it cannot be segmented."""
        return self._thread.run(self._client.segment(programs, mode))
