"""The reward model behind gRPC: ``prlcoder.v1.PrmService``."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

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
        await self._model.score([ProgramToScore(Prompt("", "", ""), proof.program, await self._steps(proof, "proof"))])

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
            scored = iter(await self._model.score([item for item in read if isinstance(item, ProgramToScore)]))
        outcomes = [next(scored) if isinstance(item, ProgramToScore) else item for item in read]
        results = [
            _result(item.id, outcome, f"items[{number}]")
            for number, (item, outcome) in enumerate(zip(request.items, outcomes, strict=True))
        ]
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

    async def _read(self, message: prm_pb2.ScoreItem, field: str) -> ProgramToScore | Exception:
        """The item, or the exception that says why it is invalid."""
        try:
            if not message.program:
                raise invalid(f"{field}.program", "is empty; send the program, or its beginning")
            return ProgramToScore(
                await self._prompt(message, field), message.program, await self._steps(message, field)
            )
        except Exception as error:
            return error

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

    async def _steps(self, message: prm_pb2.ScoreItem, field: str) -> tuple[StepSpan, ...]:
        if message.WhichOneof("segmentation") == "segments":
            segments = read_segments(message.segments, message.program, f"{field}.segments")
            return tuple(StepSpan(one.start, one.end) for one in segments)
        mode = read_mode(message.mode, f"{field}.mode")
        steps = await self._cutting.run(cut, message.program, mode)
        if isinstance(steps, str):
            raise invalid(f"{field}.program", f"cannot be segmented ({steps})")
        return tuple(StepSpan(*ends) for ends in steps)


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


def _result(identity: str, outcome: ProgramScores | Exception, field: str) -> prm_pb2.ScoreResult:
    result = prm_pb2.ScoreResult(id=identity)
    if isinstance(outcome, ProgramScores):
        result.scores.weights_version = outcome.weights_version
        for step in outcome.steps:
            result.scores.steps.add(start=step.start, end=step.end, probability=step.probability, logit=step.logit)
    elif isinstance(outcome, TooLongError):
        fail(result, CallError(grpc.StatusCode.INVALID_ARGUMENT, "TOO_LONG", str(outcome), field=f"{field}.program"))
    else:
        fail(result, invalid(field, str(outcome)) if isinstance(outcome, ItemError) else outcome)
    return result


# --- on a worker ----------------------------------------------------------------------------------------------------


def cut(program: str, mode: Mode) -> list[tuple[int, int]] | str:
    """Start and end of each segment, or why the program cannot be segmented."""
    try:
        return [(one.start, one.end) for one in segment(program, mode)]
    except SegmentationError as error:
        return str(error)
