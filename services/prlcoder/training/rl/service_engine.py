"""Samples rollouts in a policy service, whose engine may be vLLM.

The service may end and come back at any time, with the weights and the version that it started with. Then it is given
the present weights again, and the samples that are missing are sampled again. A sample counts once, under its prompt
and its number, and only if the weights that the service was given have written it.
"""

from __future__ import annotations

import asyncio
import queue
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import grpc

from prlcoder.errors import InputError, WorkError, first_line
from prlcoder.modeling.spans import encode
from prlcoder.modeling.vocabulary import vocabulary_digest
from prlcoder.policy.sampling import Piece, Sampling, Unread
from prlcoder.policy.serving.client import PolicyClient, PolicySample
from prlcoder.policy.serving.live import SampleEvent
from prlcoder.problems.prompts import ModelInput
from prlcoder.rpc.address import Address
from prlcoder.rpc.blocking import LoopThread
from prlcoder.rpc.client import ServiceError
from prlcoder.stages.remote_model import same_model
from prlcoder.telemetry.progress import Progress, note_work
from prlcoder.training.rl.ranks import Ranks
from prlcoder.training.rl.weights_folder import WeightsFolder

MAX_SAMPLES_PER_CALL: Final = 1024
CALL_TIMEOUT_S: Final = 3600.0
START_TIMEOUT_S: Final = 60.0  # for the first answer: the service is running when a training starts
ANSWER_TIMEOUT_S: Final = 10.0  # for later answers that compute nothing
RETURN_S: Final = 1800.0  # how long a service may be away, or answer with passing errors, without any new sample
PAUSE_S: Final = 1.0  # between two attempts to reach it
MAX_FOREIGN_CHANGES: Final = 5  # of the weights, by other processes, while an update is sampled
# Errors after which the same may succeed: the service or its engine has ended, is starting or is overloaded.
_PASSING: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)

T = TypeVar("T")
SampleKey = tuple[int, int]
"""Index of the prompt and number of the sample."""


@dataclass(frozen=True)
class GivenWeights:
    """The weights that the service was given: a folder, and how many updates the policy in it has had."""

    uri: str
    adapter: bool
    version: int

    def served(self, info: Any) -> bool:
        """Whether a service with this answer of ``GetModelInfo`` serves them."""
        if self.adapter:
            return bool(info.adapter_uri == self.uri)
        return bool(info.uri == self.uri and not info.adapter_uri)


class OtherWeightsError(Exception):
    """The service has sampled with weights that it was not given by this training."""


class ServiceEngine:
    """A ``RolloutEngine`` behind an address. Only the first of several ``ranks`` writes weights."""

    def __init__(
        self,
        address: Address,
        weights: WeightsFolder,
        base: str,
        *,
        max_new_tokens: int,
        ranks: Ranks,
    ) -> None:
        """``base`` is the folder or hub id of the initial policy, to which adapters belong. Raises ``InputError`` or
        ``WorkError`` if the service cannot be reached or serves a model with another vocabulary."""
        self.tokenizer: Any = weights.tokenizer
        self._address, self._weights, self._base = address, weights, base
        self._max_new_tokens, self._ranks = max_new_tokens, ranks
        self._vocabulary = vocabulary_digest(self.tokenizer)
        self._as_adapter = weights.has_adapter  # until the service refuses one
        self._given: GivenWeights | None = None
        self._away_since: float | None = None
        self._counts = {"refused": 0, "absences": 0}
        self._thread = LoopThread()
        self._client = self._thread.run(self._connected())
        try:
            self._thread.run(self._info(START_TIMEOUT_S))
        except ServiceError as error:
            self.close()
            raise WorkError(
                f"policy.rl.engine: the policy service at {address.target} does not answer ({first_line(error)}); "
                f"start it with `prlcoder serve policy --model {base}`, or correct services.policy or PRLCODER_POLICY"
            ) from error
        except InputError:
            self.close()
            raise

    @property
    def elsewhere(self) -> bool:
        """See ``RolloutEngine``."""
        return True

    def close(self) -> None:
        """Close the channel and end the thread."""
        self._thread.run(self._client.close())
        self._thread.stop()

    def figures(self) -> Mapping[str, float]:
        """See ``RolloutEngine``: how often samples of other weights were refused, and how often the service was
        away."""
        counts, self._counts = self._counts, dict.fromkeys(self._counts, 0)
        return counts

    def use(self, version: int) -> float:
        """See ``RolloutEngine``."""
        if self._given is not None and self._given.version == version:
            return 0.0
        started = time.perf_counter()
        given = self._publish(version) if self._ranks.rank == 0 else None
        (self._given, *_) = self._ranks.gathered([given])
        return time.perf_counter() - started

    def stream(self, prompts: Sequence[str | ModelInput], sampling: Sampling) -> Iterator[SampleEvent]:
        """See ``RolloutEngine``. The service goes on sampling while the caller works on what it has got."""
        events: queue.SimpleQueue[SampleEvent | None] = queue.SimpleQueue()
        future = asyncio.run_coroutine_threadsafe(self._sample(prompts, sampling, events.put), self._thread.loop)
        future.add_done_callback(lambda _: events.put(None))
        try:
            while (event := events.get()) is not None:
                note_work()
                yield event
            future.result()
        finally:
            future.cancel()

    def generate(
        self,
        prompts: Sequence[str | ModelInput],
        *,
        samples: int,
        temperature: float,
        seed: int,
        stop: Sequence[str] = (),
    ) -> list[list[str]]:
        """See ``Generator``. A prompt that is too long gets empty completions."""
        sampling = Sampling(
            samples=samples, temperature=temperature, seed=seed, stop=tuple(stop), max_tokens=self._max_new_tokens
        )
        texts = [[""] * samples for _ in prompts]
        with Progress("generate", total=len(prompts) * samples, unit="samples") as progress:
            for one in self.stream(prompts, sampling):
                if isinstance(one.event, Piece):
                    texts[one.event.prompt][one.event.sample] = one.event.text
                    progress.advance(tokens=len(one.event.ids))
        return texts

    def _publish(self, version: int) -> GivenWeights:
        """Write the present weights and have the service load them. Then the older ones are removed."""
        if self._as_adapter and (given := self._published_adapter(version)) is not None:
            return given
        folder = self._weights.write(version, adapter=False)
        given = GivenWeights(str(folder), adapter=False, version=version)
        try:
            self._thread.run(self._persisting(lambda: self._prepared(given)))
        except ServiceError as error:
            raise WorkError(
                f"policy.rl.engine: the policy service does not take the weights ({first_line(error)}); it must see "
                f"{folder} under the same path and serve a model of the architecture of {self._base}"
            ) from error
        self._weights.remove_others(folder)
        return given

    def _published_adapter(self, version: int) -> GivenWeights | None:
        """The adapter that the service has loaded; None if it takes whole models only."""
        folder = self._weights.write(version, adapter=True)
        given = GivenWeights(str(folder), adapter=True, version=version)
        first = self._given is None
        try:
            base = self._thread.run(self._persisting(lambda: self._prepared(given))).uri
            reason = "" if same_model(base, self._base) else f"it was started with {base} and not with {self._base}"
        except ServiceError as error:
            if error.reason != "INVALID_WEIGHTS" or not first:
                raise
            reason = first_line(error)
        self._as_adapter = not reason
        if first:
            how = f"whole models, because {reason}" if reason else "adapters"
            print(f"policy: the service at {self._address.target} is given {how}", file=sys.stderr)
        if reason:
            return None
        self._weights.remove_others(folder)
        return given

    async def _connected(self) -> PolicyClient:
        return PolicyClient(self._address, timeout_s=CALL_TIMEOUT_S)

    async def _info(self, timeout_s: float = ANSWER_TIMEOUT_S) -> Any:
        """The model that is serving. ``InputError`` if its vocabulary is not the policy's."""
        info = await self._client.info(timeout_s=timeout_s)
        if info.vocabulary_digest != self._vocabulary:
            raise InputError(
                f"policy.rl.engine: the policy service at {self._address.target} serves {info.uri}, whose vocabulary "
                f"is not that of {self._base}; start it with --model {self._base}"
            )
        return info

    async def _prepared(self, given: GivenWeights) -> Any:
        """Have the service serve these weights. Returns its answer of ``GetModelInfo``, which names its own version of
        them."""
        for _ in range(MAX_FOREIGN_CHANGES):
            info = await self._info()
            if given.served(info):
                return info
            try:
                version = max(info.weights_version, given.version) + 1
                await self._client.update(version, given.uri, adapter=given.adapter)
            except ServiceError as error:
                if error.reason != "INVALID_WEIGHTS":
                    raise
                if (await self._info()).weights_version == info.weights_version:
                    raise  # otherwise another process was faster, and its version is the present one
        raise self._foreign(info)

    def _foreign(self, info: Any) -> WorkError:
        return WorkError(
            f"policy.rl.engine: another process changes the weights of the policy service at {self._address.target} "
            f"(it serves {info.adapter_uri or info.uri} now); give each training a policy service of its own"
        )

    async def _sample(
        self, prompts: Sequence[str | ModelInput], sampling: Sampling, put: Callable[[SampleEvent], None]
    ) -> None:
        """Put every sample exactly once, and one ``Unread`` per prompt that is too long."""
        assert self._given is not None, "use() comes first"
        given = self._given
        missing = {(prompt, sample) for prompt in range(len(prompts)) for sample in range(sampling.samples)}
        for _ in range(MAX_FOREIGN_CHANGES):
            try:
                await self._persisting(lambda: self._sample_missing(given, prompts, sampling, missing, put))
                return
            except OtherWeightsError:
                self._counts["refused"] += 1
        raise self._foreign(await self._info())

    async def _sample_missing(
        self,
        given: GivenWeights,
        prompts: Sequence[str | ModelInput],
        sampling: Sampling,
        missing: set[SampleKey],
        put: Callable[[SampleEvent], None],
    ) -> None:
        """Put the samples whose keys are in ``missing``, and remove these. Raises ``OtherWeightsError``."""
        info = await self._prepared(given)
        for part in _parts({prompt for prompt, _ in missing}, max(1, MAX_SAMPLES_PER_CALL // sampling.samples)):
            asked = replace(sampling, first_prompt=sampling.first_prompt + part.start)
            async with aclosing(self._client.completed(prompts[part.start : part.stop], asked)) as samples:
                async for place, sample, outcome in samples:
                    prompt = part.start + place
                    if (prompt, sample) not in missing:
                        continue  # it came before the service was away
                    if isinstance(outcome, PolicySample):
                        if outcome.weights_version != info.weights_version:
                            raise OtherWeightsError
                        missing.remove((prompt, sample))
                        put(SampleEvent(_piece(prompt, sample, outcome), given.version))
                    elif outcome.reason == "TOO_LONG":
                        missing -= {(prompt, number) for number in range(sampling.samples)}
                        tokens = len(encode(self.tokenizer, prompts[prompt]).ids)
                        put(SampleEvent(Unread(prompt, tokens, info.max_tokens), given.version))
                    else:
                        raise outcome
                    self._away_since = None

    async def _persisting(self, step: Callable[[], Awaitable[T]]) -> T:
        """The result of ``step``, which is repeated when the service was away and has come back."""
        while True:
            try:
                found = await step()
                self._away_since = None
                return found
            except ServiceError as error:
                if error.code not in _PASSING:
                    raise
                await self._return(error)

    async def _return(self, error: ServiceError) -> None:
        """Wait until the service answers again. ``WorkError`` after ``RETURN_S`` without a new sample."""
        if self._away_since is None:
            self._away_since = time.monotonic()
            self._counts["absences"] += 1
            print(f"policy: {first_line(error)}; waiting for at most {RETURN_S:g} s", file=sys.stderr)
        with Progress("wait for the policy service", total=None, unit="attempts", final=False) as progress:
            while error.code in _PASSING and time.monotonic() - self._away_since < RETURN_S:
                await asyncio.sleep(PAUSE_S)
                progress.advance()
                await self._client.close()  # a channel that has lost its server waits ever longer before it tries again
                self._client = await self._connected()
                try:
                    await self._info()
                    return
                except ServiceError as again:
                    error = again
        raise WorkError(
            f"policy.rl.engine: the policy service has not come back ({first_line(error)}); start it and run again to "
            "go on from the last checkpoint"
        ) from error


def _piece(prompt: int, sample: int, outcome: PolicySample) -> Piece:
    return Piece(prompt, sample, outcome.text, outcome.ids, outcome.log_probabilities, outcome.finish)


def _parts(prompts: set[int], most: int) -> Iterator[range]:
    """Consecutive prompts, at most ``most`` at a time. The draws of a prompt depend on its number, and a request
    numbers its prompts consecutively.

    >>> list(_parts({0, 1, 2, 5, 6}, 2))
    [range(0, 2), range(2, 3), range(5, 7)]
    """
    start = stop = None
    for prompt in sorted(prompts):
        if start is None or stop is None or prompt != stop or stop - start == most:
            if start is not None and stop is not None:
                yield range(start, stop)
            start = prompt
        stop = prompt + 1
    if start is not None and stop is not None:
        yield range(start, stop)
