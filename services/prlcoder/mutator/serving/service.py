"""The rule teacher behind gRPC: ``prlcoder.v1.MutatorService``."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from typing import Any, Final

import grpc.aio
from prometheus_client import CollectorRegistry

from prlcoder.mutator import RuleTeacher
from prlcoder.mutator.serving.messages import write_variants
from prlcoder.mutator.serving.metrics import VARIANTS
from prlcoder.rpc.admission import Admission
from prlcoder.rpc.batches import fail, require_batch
from prlcoder.rpc.errors import CallError, invalid
from prlcoder.rpc.process_pool import Compute
from prlcoder.rpc.settings import ServerLimits
from prlcoder.segmenter import Segment, SegmentationError, segment
from prlcoder.segmenter.serving.messages import read_mode, read_segments
from prlcoder.v1 import mutator_pb2, mutator_pb2_grpc

MAX_VARIANTS_PER_SEGMENT: Final = 64  # of one kind


class MutatorService(mutator_pb2_grpc.MutatorServiceServicer):
    """Proposes variants for batches of programs in worker processes, one program per task."""

    full_name = "prlcoder.v1.MutatorService"

    def __init__(self, limits: ServerLimits, registry: CollectorRegistry, workers: int | None = None) -> None:
        self._limits = limits
        self._admission = Admission(limits.queue_items)
        self._compute = Compute(workers)
        self._variants = VARIANTS.register(registry)

    def register(self, server: grpc.aio.Server) -> None:
        """Add the handlers."""
        mutator_pb2_grpc.add_MutatorServiceServicer_to_server(self, server)

    async def start(self) -> None:
        """Start the workers and check that one of them answers."""
        await self._compute.run(propose, b"", b"", "")

    def drain(self) -> None:
        """Does nothing: calls are short, and the server waits for their end."""

    async def close(self) -> None:
        """End the workers."""
        self._compute.close()

    async def Propose(self, request: mutator_pb2.ProposeRequest, context: Any) -> mutator_pb2.ProposeResponse:
        """Return one result per item, in order."""
        require_batch(request.items, "items", self._limits.batch_items)
        _require_teacher(request)
        rules = request.rules.SerializeToString()
        with self._admission.admit(len(request.items), request.ByteSize()):
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._propose(item, rules, f"items[{number}]"))
                    for number, item in enumerate(request.items)
                ]
        return mutator_pb2.ProposeResponse(results=[task.result() for task in tasks])

    async def _propose(self, item: mutator_pb2.ProposeItem, rules: bytes, field: str) -> mutator_pb2.ProposeResult:
        result = mutator_pb2.ProposeResult(id=item.id)
        try:
            result.MergeFromString(await self._compute.run(propose, item.SerializeToString(), rules, field))
        except Exception as error:
            fail(result, error)
        for part in result.proposal.segments:
            for variant in part.variants:
                kind = "mutation" if variant.kind == mutator_pb2.VARIANT_KIND_MUTATION else "refactoring"
                self._variants.labels(RuleTeacher.name, kind, "proposed").inc()
        return result


def create(arguments: argparse.Namespace, limits: ServerLimits, registry: CollectorRegistry) -> MutatorService:
    """The service that the options of ``prlcoder serve mutator`` describe."""
    return MutatorService(limits, registry, arguments.workers)


def _require_teacher(request: mutator_pb2.ProposeRequest) -> None:
    if request.WhichOneof("teacher") is None:
        raise invalid(
            "rules", "no teacher is set; set rules, with the number of mutations and refactorings per segment"
        )
    for name in ("mutations", "refactorings"):
        if getattr(request.rules, name) > MAX_VARIANTS_PER_SEGMENT:
            raise invalid(f"rules.{name}", f"{getattr(request.rules, name)} is above {MAX_VARIANTS_PER_SEGMENT}")


# --- on a worker ----------------------------------------------------------------------------------------------------


def propose(item: bytes, rules: bytes, field: str) -> bytes:
    """The result of one ``ProposeItem``, without its id. Everything is serialised, because messages are cheaper to send
    between processes as bytes than pickled."""
    result = mutator_pb2.ProposeResult()
    try:
        result.proposal.CopyFrom(_proposal(mutator_pb2.ProposeItem.FromString(item), rules, field))
    except CallError as refusal:
        fail(result, refusal)
    return result.SerializeToString()


def _proposal(item: mutator_pb2.ProposeItem, rules: bytes, field: str) -> mutator_pb2.Proposal:
    settings = mutator_pb2.RuleTeacher.FromString(rules)
    teacher = RuleTeacher(settings.seed, settings.mutations, settings.refactorings)
    segments = _segments(item, field)
    try:
        parts = [
            write_variants(index, teacher.propose(item.problem_id, item.program, segments, index))
            for index in _indexes(item, segments, field)
        ]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise invalid(f"{field}.program", f"does not compile ({type(error).__name__}: {error})") from None
    return mutator_pb2.Proposal(segments=parts)


def _segments(item: mutator_pb2.ProposeItem, field: str) -> list[Segment]:
    if not item.program:
        raise invalid(f"{field}.program", "is empty; send the whole program")
    if item.WhichOneof("segmentation") == "segments":
        return read_segments(item.segments, item.program, f"{field}.segments")
    try:
        return segment(item.program, read_mode(item.mode, f"{field}.mode"))
    except SegmentationError as error:
        raise invalid(f"{field}.program", f"cannot be segmented ({error})") from None


def _indexes(item: mutator_pb2.ProposeItem, segments: list[Segment], field: str) -> Iterator[int]:
    """The indexes of the requested segments, in ascending order; those of every step if none is named."""
    if not item.segment_indexes:
        return (index for index, part in enumerate(segments) if part.is_step)
    if max(item.segment_indexes) >= len(segments):
        what = f"{max(item.segment_indexes)} is out of range; the program has {len(segments)} segments"
        raise invalid(f"{field}.segment_indexes", what)
    return iter(sorted(set(item.segment_indexes)))
