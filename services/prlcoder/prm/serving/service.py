"""The reward model behind gRPC: ``prlcoder.v1.PrmService``."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from itertools import repeat
from typing import Any, NamedTuple

import grpc
import grpc.aio
from prometheus_client import CollectorRegistry

from prlcoder.errors import InputError
from prlcoder.prm.items import ItemError, ProgramScores, ProgramToScore, StepSpan, TooLongError
from prlcoder.prm.serving.metrics import PrmMetrics
from prlcoder.prm.serving.process import ModelProcess
from prlcoder.prm.serving.settings import PrmSettings
from prlcoder.problems.messages import read_problem, read_prompt
from prlcoder.problems.prompts import Prompt, PromptTemplate, template_digest
from prlcoder.rpc.admission import Admission
from prlcoder.rpc.batches import fail, require_batch
from prlcoder.rpc.errors import CallError, invalid
from prlcoder.rpc.process_pool import Compute
from prlcoder.rpc.settings import ServerLimits
from prlcoder.segmenter import Mode, SegmentationError, segment
from prlcoder.segmenter.serving.messages import read_mode, read_segments
from prlcoder.v1 import prm_pb2, prm_pb2_grpc, segmenter_pb2


class _ReadItem(NamedTuple):
    item: ProgramToScore
    are_steps: tuple[bool, ...] | None  # per segment; None if the caller segmented the program


class PrmService(prm_pb2_grpc.PrmServiceServicer):
    """Scores batches. Items of several calls share passes over the model."""

    full_name = "prlcoder.v1.PrmService"

    def __init__(self, limits: ServerLimits, settings: PrmSettings, registry: CollectorRegistry) -> None:
        self._limits, self._settings = limits, settings
        self._admission = Admission(limits.queue_items)
        self._metrics = PrmMetrics(registry)
        self._cutting = Compute(1)
        self._model = ModelProcess(settings, self._metrics.note)

    def register(self, server: grpc.aio.Server) -> None:
        """Add the handlers."""
        prm_pb2_grpc.add_PrmServiceServicer_to_server(self, server)

    async def start(self) -> None:
        """Load the model, start the worker, and check that a program can be segmented and scored."""
        await self._model.start()
        proof = prm_pb2.ScoreItem(program="pass\n", mode=segmenter_pb2.SEGMENTATION_MODE_LINE)
        await self._model.score([(await self._read_item(proof, "proof")).item])

    @property
    def healthy(self) -> bool:
        """Whether the model's process runs."""
        return self._model.healthy

    def drain(self) -> None:
        """Does nothing: calls are short, and the server waits for their end."""

    async def close(self) -> None:
        """End the worker and the model's process."""
        self._cutting.close()
        await self._model.close()

    async def ScoreSteps(self, request: prm_pb2.ScoreStepsRequest, context: Any) -> prm_pb2.ScoreStepsResponse:
        """Return one result per item, in order."""
        require_batch(request.items, "items", self._limits.batch_items)
        with self._admission.admit(len(request.items), request.ByteSize()):
            read = await asyncio.gather(
                *(self._read(item, f"items[{number}]") for number, item in enumerate(request.items))
            )
            scored = iter(await self._model.score([one.item for one in read if isinstance(one, _ReadItem)]))
        results = []
        for number, (message, one) in enumerate(zip(request.items, read, strict=True)):
            outcome, are_steps = (next(scored), one.are_steps) if isinstance(one, _ReadItem) else (one, None)
            results.append(_result(message.id, outcome, are_steps, f"items[{number}]"))
        return prm_pb2.ScoreStepsResponse(results=results)

    async def GetModelInfo(
        self, request: prm_pb2.PrmServiceGetModelInfoRequest, context: Any
    ) -> prm_pb2.PrmServiceGetModelInfoResponse:
        """Describe the model that scores new items."""
        model, record = self._model.model, self._model.model.record
        return prm_pb2.PrmServiceGetModelInfoResponse(
            uri=model.path,
            weights_version=model.version,
            template=self._template.name,
            template_digest=template_digest(self._template),
            max_tokens=model.max_length,
            parameters=model.parameters,
            device=model.device,
            kind=record.kind or "",
            temperature=record.temperature,
            offset=record.offset,
        )

    async def UpdateWeights(
        self, request: prm_pb2.PrmServiceUpdateWeightsRequest, context: Any
    ) -> prm_pb2.PrmServiceUpdateWeightsResponse:
        """Switch to another checkpoint, from the next item on."""
        try:
            pause = await self._model.update(request.version, request.uri)
        except InputError as error:
            raise CallError(grpc.StatusCode.FAILED_PRECONDITION, "INVALID_WEIGHTS", str(error)) from None
        return prm_pb2.PrmServiceUpdateWeightsResponse(weights_version=self._model.model.version, pause_s=pause)

    @property
    def _template(self) -> PromptTemplate:
        named = self._settings.template
        return PromptTemplate(named) if named else self._model.model.template

    async def _read(self, message: prm_pb2.ScoreItem, field: str) -> _ReadItem | Exception:
        """The item, or the exception that says why it is invalid."""
        try:
            if not message.program:
                raise invalid(f"{field}.program", "is empty; send the program, or its beginning")
            return await self._read_item(message, field)
        except Exception as error:
            return error

    async def _read_item(self, message: prm_pb2.ScoreItem, field: str) -> _ReadItem:
        prompt = await self._prompt(message, field)
        if message.WhichOneof("segmentation") == "segments":
            given = read_segments(message.segments, message.program, f"{field}.segments")
            spans = tuple(StepSpan(one.start, one.end) for one in given)
            return _ReadItem(ProgramToScore(prompt, message.program, spans), None)
        mode = read_mode(message.mode, f"{field}.mode")
        segments = await self._cutting.run(cut, message.program, mode)
        if isinstance(segments, str):
            raise invalid(f"{field}.program", f"cannot be segmented ({segments})")
        spans = tuple(StepSpan(start, end) for start, end, _ in segments)
        are_steps = tuple(is_step for _, _, is_step in segments)
        return _ReadItem(ProgramToScore(prompt, message.program, spans), are_steps)

    async def _prompt(self, message: prm_pb2.ScoreItem, field: str) -> Prompt:
        match message.WhichOneof("context"):
            case "problem":
                try:
                    return await self._model.render(read_problem(message.problem), self._template)
                except InputError as error:
                    raise invalid(f"{field}.problem", str(error)) from None
            case "prompt":
                return read_prompt(message.prompt, f"{field}.prompt")
        return Prompt("", "", "")


def create(arguments: argparse.Namespace, limits: ServerLimits, registry: CollectorRegistry) -> PrmService:
    """The service that the options of ``prlcoder serve prm`` describe."""
    settings = PrmSettings(
        arguments.model,
        None if arguments.template == "auto" else arguments.template,
        arguments.batch_tokens,
        arguments.batch_delay_ms / 1000,
        arguments.prefix_tokens,
    )
    return PrmService(limits, settings, registry)


def _result(
    identity: str, outcome: ProgramScores | Exception, are_steps: Sequence[bool] | None, field: str
) -> prm_pb2.ScoreResult:
    result = prm_pb2.ScoreResult(id=identity)
    if isinstance(outcome, ProgramScores):
        result.scores.weights_version = outcome.weights_version
        for step, is_step in zip(outcome.steps, are_steps or repeat(None), strict=False):
            result.scores.steps.add(
                start=step.start, end=step.end, probability=step.probability, logit=step.logit, is_step=is_step
            )
    elif isinstance(outcome, TooLongError):
        fail(result, CallError(grpc.StatusCode.INVALID_ARGUMENT, "TOO_LONG", str(outcome), field=f"{field}.program"))
    else:
        fail(result, invalid(field, str(outcome)) if isinstance(outcome, ItemError) else outcome)
    return result


# --- on a worker ----------------------------------------------------------------------------------------------------


def cut(program: str, mode: Mode) -> list[tuple[int, int, bool]] | str:
    """Start and end of each segment and whether it is a step, or why the program cannot be segmented."""
    try:
        return [(one.start, one.end, one.is_step) for one in segment(program, mode)]
    except SegmentationError as error:
        return str(error)
