"""The asynchronous client of the policy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final

import grpc.aio

from prlcoder.policy.sampling import Finish, Sampling
from prlcoder.problems.messages import write_input
from prlcoder.problems.prompts import ModelInput
from prlcoder.rpc.address import Address
from prlcoder.rpc.client import FIRST_PAUSE_S, TIMEOUT_S, Client, ServiceError, retry_after, service_error
from prlcoder.v1 import policy_pb2, policy_pb2_grpc

_FINISH: Final[dict[int, Finish]] = {
    policy_pb2.FINISH_REASON_STOP: "stop",
    policy_pb2.FINISH_REASON_LENGTH: "length",
}


@dataclass(frozen=True)
class PolicySample:
    """One complete sample. ``ids`` and ``log_probabilities`` are those of its tokens, including the token that ended
    it."""

    text: str
    ids: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    finish: Finish
    weights_version: int


class PolicyClient(Client):
    """Like ``prlcoder.policy.serving.live.LivePolicy``, but on a server."""

    def __init__(self, address: Address | str, *, timeout_s: float = TIMEOUT_S) -> None:
        super().__init__(address, timeout_s=timeout_s)
        self._stub = policy_pb2_grpc.PolicyServiceStub(self._channel)

    async def complete(
        self, prompts: Sequence[str | ModelInput], sampling: Sampling, *, timeout_s: float | None = None
    ) -> list[list[PolicySample | ServiceError]]:
        """All samples of each prompt, complete, or why there are none (reason ``TOO_LONG`` if the prompt does not fit
        into the context)."""
        found: list[list[PolicySample | ServiceError]] = [[] for _ in prompts]
        ended: dict[tuple[int, int], PolicySample | ServiceError] = {}
        async with aclosing(self.completed(prompts, sampling, timeout_s=timeout_s)) as samples:
            async for prompt, sample, outcome in samples:
                ended[prompt, sample] = outcome
        for prompt, sample in sorted(ended):
            found[prompt].append(ended[prompt, sample])
        return found

    async def completed(
        self, prompts: Sequence[str | ModelInput], sampling: Sampling, *, timeout_s: float | None = None
    ) -> AsyncGenerator[tuple[int, int, PolicySample | ServiceError]]:
        """The prompt's index, the sample's number and the outcome of each sample as it ends; outcomes as for
        ``complete``. Close the generator to stop the engine."""
        pieces: dict[tuple[int, int], list[policy_pb2.Tokens]] = {}
        async with aclosing(self.events(prompts, replace(sampling, whole=True), timeout_s=timeout_s)) as events:
            async for event in events:
                key = int(event.id), event.sample
                match event.WhichOneof("event"):
                    case "tokens":
                        pieces.setdefault(key, []).append(event.tokens)
                    case "finished":
                        yield *key, _completion(event, pieces.pop(key, []))
                    case _:
                        yield *key, self.item_error(event.status)

    async def events(
        self, prompts: Sequence[str | ModelInput], sampling: Sampling, *, timeout_s: float | None = None
    ) -> AsyncGenerator[policy_pb2.GenerateResponse]:
        """The events of all samples as they arrive; the ``id`` of an event is its prompt's index. Close the generator
        to stop the engine. A call is retried until its deadline, but only before its first event: later, a second
        attempt would repeat events."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + (self.timeout_s if timeout_s is None else timeout_s)
        request, begun = _request(prompts, sampling), False
        while True:
            left = max(ends - loop.time(), 0.001)
            call: Any = self._stub.Generate(request, timeout=left, metadata=self.metadata())
            try:
                async for event in call:
                    begun = True
                    yield event
                return
            except grpc.aio.AioRpcError as error:
                wait = None if begun else retry_after(error, FIRST_PAUSE_S)
                if wait is None or loop.time() + wait >= ends:
                    raise service_error(error, self.address.target) from None
            finally:
                call.cancel()
            await asyncio.sleep(wait)

    async def info(self, *, timeout_s: float | None = None) -> policy_pb2.PolicyServiceGetModelInfoResponse:
        """The model that is serving."""
        response: policy_pb2.PolicyServiceGetModelInfoResponse = await self.call(
            self._stub.GetModelInfo, policy_pb2.PolicyServiceGetModelInfoRequest(), timeout_s=timeout_s
        )
        return response

    async def update(self, version: int, uri: str, *, adapter: bool = False, timeout_s: float | None = None) -> float:
        """Switch to other weights. Returns for how many seconds the switch delayed requests."""
        kind = policy_pb2.WEIGHTS_KIND_ADAPTER if adapter else policy_pb2.WEIGHTS_KIND_FULL
        request = policy_pb2.PolicyServiceUpdateWeightsRequest(version=version, uri=uri, kind=kind)
        response = await self.call(self._stub.UpdateWeights, request, timeout_s=timeout_s, idempotent=False)
        return float(response.pause_s)


def _request(prompts: Sequence[str | ModelInput], sampling: Sampling) -> policy_pb2.GenerateRequest:
    drawing = policy_pb2.Sampling(
        samples=sampling.samples,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        max_tokens=sampling.max_tokens or 0,
        stop=sampling.stop,
        seed=sampling.seed,
    )
    return policy_pb2.GenerateRequest(
        items=[_item(number, prompt) for number, prompt in enumerate(prompts)],
        sampling=drawing,
        log_probabilities=sampling.log_probabilities,
        at_temperature=sampling.at_temperature,
        first_item=sampling.first_prompt,
        whole=sampling.whole,
    )


def _item(number: int, prompt: str | ModelInput) -> policy_pb2.GenerateItem:
    text, control = write_input(prompt)
    return policy_pb2.GenerateItem(id=str(number), text=text, control=control)


def _completion(event: policy_pb2.GenerateResponse, pieces: Sequence[policy_pb2.Tokens]) -> PolicySample:
    return PolicySample(
        text=event.finished.text,
        ids=tuple(token for piece in pieces for token in piece.ids),
        log_probabilities=tuple(value for piece in pieces for value in piece.log_probabilities),
        finish=_FINISH[event.finished.reason],
        weights_version=event.weights_version,
    )
