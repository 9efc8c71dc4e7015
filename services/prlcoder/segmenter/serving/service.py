"""The segmenter behind gRPC: ``prlcoder.v1.SegmenterService``."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

import grpc.aio
from prometheus_client import CollectorRegistry

from prlcoder.rpc.admission import Admission
from prlcoder.rpc.batches import fail, require_batch
from prlcoder.rpc.process_pool import Compute
from prlcoder.rpc.settings import ServerLimits
from prlcoder.segmenter import Mode, SegmentationError, segment
from prlcoder.segmenter.serving.messages import read_mode, write_segments
from prlcoder.segmenter.serving.metrics import SEGMENTS
from prlcoder.v1 import segmenter_pb2, segmenter_pb2_grpc


class SegmenterService(segmenter_pb2_grpc.SegmenterServiceServicer):
    """Segments batches of programs in worker processes, one program per task."""

    full_name = "prlcoder.v1.SegmenterService"

    def __init__(self, limits: ServerLimits, registry: CollectorRegistry, workers: int | None = None) -> None:
        self._limits = limits
        self._admission = Admission(limits.queue_items)
        self._compute = Compute(workers)
        self._segments = SEGMENTS.register(registry)

    def register(self, server: grpc.aio.Server) -> None:
        """Add the handlers."""
        segmenter_pb2_grpc.add_SegmenterServiceServicer_to_server(self, server)

    async def start(self) -> None:
        """Start the workers and check that one of them answers."""
        await self._compute.run(cut, "pass\n", "line")

    def drain(self) -> None:
        """Does nothing: calls are short, and the server waits for their end."""

    async def close(self) -> None:
        """End the workers."""
        self._compute.close()

    async def Segment(self, request: segmenter_pb2.SegmentRequest, context: Any) -> segmenter_pb2.SegmentResponse:
        """Return one result per source, in order."""
        require_batch(request.sources, "sources", self._limits.batch_items)
        mode = read_mode(request.mode, "mode")
        with self._admission.admit(len(request.sources), request.ByteSize()):
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._segment(source, mode)) for source in request.sources]
        return segmenter_pb2.SegmentResponse(results=[task.result() for task in tasks])

    async def _segment(self, source: segmenter_pb2.Source, mode: Mode) -> segmenter_pb2.SegmentResult:
        result = segmenter_pb2.SegmentResult(id=source.id)
        try:
            result.MergeFromString(await self._compute.run(cut, source.program, mode))
        except Exception as error:
            fail(result, error)
        self._segments.labels(mode).inc(len(result.segments.segments))
        return result


def cut(program: str, mode: Mode) -> bytes:
    """The serialised ``SegmentResult`` of one program, without its id. Runs in a worker."""
    result = segmenter_pb2.SegmentResult()
    try:
        result.segments.CopyFrom(write_segments(segment(program, mode)))
    except SegmentationError as error:
        result.error.line, result.error.column, result.error.message = error.line, error.column, error.message
    return result.SerializeToString()


def create(arguments: argparse.Namespace, limits: ServerLimits, registry: CollectorRegistry) -> SegmenterService:
    """The service that the options of ``prlcoder serve segmenter`` describe."""
    return SegmenterService(limits, registry, arguments.workers)
