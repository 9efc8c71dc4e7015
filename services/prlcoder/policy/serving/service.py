"""The policy behind gRPC: ``prlcoder.v1.PolicyService``."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Final

import grpc
import grpc.aio
from prometheus_client import CollectorRegistry

from prlcoder.errors import InputError
from prlcoder.modeling.vocabulary import vocabulary_digest
from prlcoder.policy.sampling import Piece, Sampling, Unread
from prlcoder.policy.serving.live import LivePolicy, SampleEvent, WeightsKind
from prlcoder.policy.serving.metrics import PolicyMetrics
from prlcoder.policy.serving.settings import PolicySettings
from prlcoder.problems.completions import extract_program
from prlcoder.problems.messages import read_control, read_problem, render_problem
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import ModelInput, PromptTemplate, template_digest
from prlcoder.rpc.admission import Admission
from prlcoder.rpc.batches import require_batch
from prlcoder.rpc.errors import CallError, invalid
from prlcoder.rpc.settings import ServerLimits
from prlcoder.v1 import policy_pb2, policy_pb2_grpc

_FINISH: Final = {"stop": policy_pb2.FINISH_REASON_STOP, "length": policy_pb2.FINISH_REASON_LENGTH}


@dataclass(frozen=True)
class PromptItem:
    """One item of a request. ``closing`` is the text after the program, which ends a sample; ``problem`` is None if the
    item is a bare text."""

    id: str
    text: str | ModelInput
    closing: str = ""
    problem: Problem | None = None
    held: str = ""  # whitespace of the prompt that the model writes itself


class PolicyService(policy_pb2_grpc.PolicyServiceServicer):
    """Streams samples of the policy."""

    full_name = "prlcoder.v1.PolicyService"

    def __init__(self, limits: ServerLimits, settings: PolicySettings, registry: CollectorRegistry) -> None:
        self._limits, self._settings = limits, settings
        self._admission = Admission(limits.queue_items)
        self._policy: LivePolicy
        self._metrics = PolicyMetrics(registry)

    @property
    def healthy(self) -> bool:
        """Whether the engine runs."""
        return self._policy.healthy

    @property
    def ended(self) -> str:
        """Why the engine has ended; empty while it runs."""
        return "" if self.healthy else f"policy: the engine {self._policy.engine} has died; the log says why"

    def register(self, server: grpc.aio.Server) -> None:
        """Add the handlers."""
        policy_pb2_grpc.add_PolicyServiceServicer_to_server(self, server)

    async def start(self) -> None:
        """Load the model and check that it generates a token."""
        self._policy = await start_engine(self._settings)
        self._metrics.weights_version.set_function(lambda: self._policy.weights.version)
        async with aclosing(self._policy.stream(["pass\n"], Sampling(max_tokens=1))) as written:
            async for _ in written:
                pass

    def drain(self) -> None:
        """Does nothing: streams end by themselves, and the server waits for their end."""

    async def close(self) -> None:
        """Free the engine."""
        if hasattr(self, "_policy"):  # the model may not have been loaded
            await self._policy.close()

    async def Generate(
        self, request: policy_pb2.GenerateRequest, context: Any
    ) -> AsyncIterator[policy_pb2.GenerateResponse]:
        """Yield the events of all samples as they happen."""
        require_batch(request.items, "items", self._limits.batch_items)
        asked = [self._read(item, f"items[{number}]") for number, item in enumerate(request.items)]
        _require_distinct(asked)
        sampling = _read_sampling(request, asked)
        with self._admission.admit(len(asked) * sampling.samples, request.ByteSize()):
            samples = _Samples(asked, sampling, self._template)
            async with aclosing(self._policy.stream([one.text for one in asked], sampling)) as stream:
                async for written in stream:
                    if isinstance(written.event, Piece):
                        self._metrics.tokens.inc(len(written.event.ids))
                    for response in samples.responses(written):
                        yield response

    async def GetModelInfo(
        self, request: policy_pb2.PolicyServiceGetModelInfoRequest, context: Any
    ) -> policy_pb2.PolicyServiceGetModelInfoResponse:
        """Describe the model that generates new samples."""
        policy = self._policy
        return policy_pb2.PolicyServiceGetModelInfoResponse(
            uri=policy.weights.model,
            weights_version=policy.weights.version,
            engine=policy.engine,
            template=self._template.name,
            template_digest=template_digest(self._template, policy.tokenizer),
            max_tokens=policy.max_length,
            device=policy.device,
            adapter_uri=policy.weights.adapter or "",
            vocabulary_digest=vocabulary_digest(policy.tokenizer),
        )

    async def UpdateWeights(
        self, request: policy_pb2.PolicyServiceUpdateWeightsRequest, context: Any
    ) -> policy_pb2.PolicyServiceUpdateWeightsResponse:
        """Switch to other weights for the samples that begin from then on."""
        kind: WeightsKind = "adapter" if request.kind == policy_pb2.WEIGHTS_KIND_ADAPTER else "full"
        try:
            pause = await self._policy.update(request.version, request.uri, kind)
        except InputError as error:
            raise CallError(grpc.StatusCode.FAILED_PRECONDITION, "INVALID_WEIGHTS", str(error)) from None
        return policy_pb2.PolicyServiceUpdateWeightsResponse(
            weights_version=self._policy.weights.version, pause_s=pause
        )

    @property
    def _template(self) -> PromptTemplate:
        return PromptTemplate(self._settings.template) if self._settings.template else self._policy.template

    def _read(self, item: policy_pb2.GenerateItem, where: str) -> PromptItem:
        match item.WhichOneof("context"):
            case "problem":
                problem = read_problem(item.problem)
                prompt = render_problem(problem, self._template, self._policy.tokenizer, f"{where}.problem")
                return PromptItem(item.id, prompt.question, prompt.closing, problem, prompt.held)
            case "text":
                if not item.HasField("control"):
                    return PromptItem(item.id, item.text)
                control = read_control(item.control, len(item.text), f"{where}.control")
                return PromptItem(item.id, ModelInput(item.text, control))
        raise invalid(where, "has nothing to complete; set problem or text")


def create(arguments: argparse.Namespace, limits: ServerLimits, registry: CollectorRegistry) -> PolicyService:
    """The service that the options of ``prlcoder serve policy`` describe."""
    settings = PolicySettings(
        arguments.model,
        arguments.engine,
        None if arguments.template == "auto" else arguments.template,
        arguments.max_new_tokens,
        arguments.dtype,
        arguments.max_length,
        arguments.max_adapter_rank,
        arguments.eager,
        arguments.gpu_memory,
    )
    return PolicyService(limits, settings, registry)


def _require_distinct(asked: Sequence[PromptItem]) -> None:
    seen: set[str] = set()
    for number, one in enumerate(asked):
        if one.id in seen:
            raise invalid(
                f"items[{number}].id", f"{one.id!r} is also the id of another item; give each item its own id"
            )
        seen.add(one.id)


def _read_sampling(request: policy_pb2.GenerateRequest, asked: Sequence[PromptItem]) -> Sampling:
    """The settings of sampling. The text that closes a problem's program also ends a sample."""
    message = request.sampling
    closings = [one.closing for one in asked if one.closing]
    sampling = Sampling(
        samples=message.samples or 1,
        temperature=message.temperature,
        top_p=message.top_p or 1.0,
        top_k=message.top_k,
        max_tokens=message.max_tokens or None,
        stop=tuple(dict.fromkeys([*message.stop, *closings])),
        seed=message.seed if message.HasField("seed") else None,
        first_prompt=request.first_item,
        log_probabilities=request.log_probabilities,
        at_temperature=request.at_temperature,
        whole=request.whole,
    )
    try:
        sampling.check()
    except InputError as error:
        name, _, problem = str(error).partition(": ")
        raise invalid(f"sampling.{name}", problem) from None
    return sampling


@dataclass
class _Progress:
    """The text and the number of tokens that one sample has so far."""

    text: list[str] = field(default_factory=list)
    tokens: int = 0


class _Samples:
    """Turns the events of one request into responses, and collects the whole text of each sample for its last one."""

    def __init__(self, asked: Sequence[PromptItem], sampling: Sampling, template: PromptTemplate) -> None:
        self._asked, self._sampling, self._template = asked, sampling, template
        self._progress: dict[tuple[int, int], _Progress] = {}

    def responses(self, written: SampleEvent) -> Iterator[policy_pb2.GenerateResponse]:
        """The responses for one event of the engine."""
        event, version = written.event, written.weights_version
        one = self._asked[event.prompt]
        if isinstance(event, Unread):
            status = CallError(
                grpc.StatusCode.INVALID_ARGUMENT, "TOO_LONG", str(event), field=f"items[{event.prompt}]"
            ).status()
            for sample in range(self._sampling.samples):
                yield policy_pb2.GenerateResponse(id=one.id, sample=sample, weights_version=version, status=status)
            return
        so_far = self._progress.setdefault((event.prompt, event.sample), _Progress())
        so_far.text.append(event.text)
        so_far.tokens += len(event.ids)
        if event.ids or event.text:
            tokens = policy_pb2.Tokens(text=event.text, ids=event.ids, log_probabilities=event.log_probabilities)
            yield policy_pb2.GenerateResponse(id=one.id, sample=event.sample, weights_version=version, tokens=tokens)
        if event.finish:
            del self._progress[event.prompt, event.sample]
            text = "".join(so_far.text)
            program = extract_program(one.problem, self._template, text, held=one.held) if one.problem else ""
            finished = policy_pb2.Finished(
                reason=_FINISH[event.finish], text=text, program=program, tokens=so_far.tokens
            )
            yield policy_pb2.GenerateResponse(
                id=one.id, sample=event.sample, weights_version=version, finished=finished
            )


async def start_engine(settings: PolicySettings) -> LivePolicy:
    """The engine with its model loaded. ``auto`` means vLLM if it is installed. ``InputError`` if loading fails."""
    if settings.engine == "vllm" or (settings.engine == "auto" and find_spec("vllm") is not None):
        from prlcoder.policy.serving.vllm_engine import VllmPolicy

        return await VllmPolicy.start(settings)
    from prlcoder.policy.serving.live_transformers import TransformersPolicy

    return await TransformersPolicy.start(settings)
