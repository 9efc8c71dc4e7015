"""The engine ``vllm`` as a live policy: continuous batching, streamed tokens, and weights that are replaced in place.

A full checkpoint is loaded between requests: running requests finish first, and new ones wait. An adapter is loaded
beside the present weights, so no request waits. Checkpoints that cannot be loaded are detected before anything is
overwritten.
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np

from prlcoder.errors import InputError
from prlcoder.modeling.checkpoints import model_template
from prlcoder.modeling.configs import load_config
from prlcoder.modeling.model_source import ADAPTER_CONFIG, trusts_remote_code, unloadable
from prlcoder.modeling.spans import encode
from prlcoder.modeling.tokenizer_check import check_tokenizer
from prlcoder.modeling.tokenizer_loading import load_tokenizer
from prlcoder.modeling.weights_check import local_folder, require_same_architecture
from prlcoder.policy.sampling import Finish, Piece, Sampling, Unread, repeated
from prlcoder.policy.serving.live import SampleEvent, Weights, WeightsGate, WeightsKind
from prlcoder.policy.serving.settings import PolicySettings
from prlcoder.policy.serving.vllm_worker import LogprobsMode, WorkerExtension
from prlcoder.problems.prompts import ModelInput

try:
    from vllm import AsyncEngineArgs, SamplingParams
    from vllm.config.lora import MaxLoRARanks
    from vllm.inputs.engine import tokens_input
    from vllm.lora.request import LoRARequest
    from vllm.platforms import current_platform
    from vllm.sampling_params import RequestOutputKind
    from vllm.v1.engine.async_llm import AsyncLLM
except ImportError as error:
    raise InputError(
        f"--engine vllm: vLLM cannot be imported ({error}); install it (`pip install vllm`, on a machine without a GPU "
        "`make setup-vllm`), or use --engine transformers"
    ) from error

STREAM_INTERVAL = 8  # tokens per piece; one message per token would cost more than a small model's arithmetic
START_LOGPROBS: Final = "processed_logprobs"  # vLLM's fastest sampler on GPUs could not be switched to these
STOP_WAIT_S = 30.0  # for running samples to end when the engine is closed


class VllmPolicy:
    """A ``LivePolicy``. Create it with ``await VllmPolicy.start(...)``."""

    engine: Final = "vllm"

    def __init__(self, llm: Any, folder: Path, settings: PolicySettings) -> None:
        self._llm = llm
        self._base, self._folder = settings.model, folder  # the model's name as given, and the folder with its files
        self._loaded = folder  # the checkpoint that the engine holds
        self._settings = settings
        self._adapter: Any = None
        self._adapters = 0
        self.weights = Weights(0, settings.model)
        self.tokenizer: Any = load_tokenizer(str(folder))
        self.template = model_template(str(folder), self.tokenizer)
        self.max_length: int = llm.model_config.max_model_len
        self.device = str(llm.vllm_config.device_config.device_type)
        self._gate = WeightsGate()  # also for changes of the kind of log-probabilities
        self._logprobs: LogprobsMode = START_LOGPROBS
        self._updating = asyncio.Lock()

    @classmethod
    async def start(cls, settings: PolicySettings) -> VllmPolicy:
        """Start the engine, which has its own processes. ``InputError`` if vLLM cannot load the model."""
        folder = await asyncio.to_thread(local_folder, settings.model)
        config = await asyncio.to_thread(load_config, str(folder))
        check_tokenizer(str(folder), config, load_tokenizer(str(folder)))
        # vLLM 0.32 on a CPU dies of a prompt that it reads in two parts if the request has a seed.
        whole_prompts = {"enable_chunked_prefill": False} if current_platform.is_cpu() else {}
        adapters = {"enable_lora": True, "max_lora_rank": accepted_rank(settings.max_adapter_rank), "max_loras": 2}
        arguments = AsyncEngineArgs(
            model=str(folder),
            dtype=settings.dtype,
            max_model_len=settings.max_length,
            enforce_eager=settings.eager,
            gpu_memory_utilization=settings.memory,
            disable_log_stats=True,
            trust_remote_code=trusts_remote_code(),
            logprobs_mode=START_LOGPROBS,
            worker_extension_cls=f"{WorkerExtension.__module__}.{WorkerExtension.__qualname__}",
            **whole_prompts,
            **(adapters if settings.max_adapter_rank else {}),
        )
        try:
            # In a thread, so that health checks are answered meanwhile.
            llm = await asyncio.to_thread(AsyncLLM.from_engine_args, arguments)
            await llm.collective_rpc("end_with", args=(os.getpid(),))
        except Exception as error:  # whatever vLLM raises for a model or a machine that it cannot use
            raise InputError(f"model {settings.model}: vLLM cannot serve it ({error}); its log says more") from error
        return cls(llm, folder, settings)

    async def stream(
        self, prompts: Sequence[str | ModelInput], sampling: Sampling
    ) -> AsyncGenerator[SampleEvent, None]:
        """See ``LivePolicy``."""
        while True:
            async with self._gate.together():
                if self._logprobs == _logprobs_mode(sampling, self._logprobs):
                    async with aclosing(self._stream(prompts, sampling)) as events:
                        async for event in events:
                            yield event
                    return
            await self._use_logprobs(_logprobs_mode(sampling, self._logprobs))

    async def _use_logprobs(self, mode: LogprobsMode) -> None:
        async with self._gate.alone():
            await self._llm.collective_rpc("use_logprobs", args=(mode,))
            self._logprobs = mode

    async def _stream(
        self, prompts: Sequence[str | ModelInput], sampling: Sampling
    ) -> AsyncGenerator[SampleEvent, None]:
        """``stream`` of a request that has passed the gate."""
        version, adapter = self.weights.version, self._adapter
        events: asyncio.Queue[Piece | BaseException | None] = asyncio.Queue()
        tasks = []
        try:
            for number, prompt in enumerate(prompts):
                ids = encode(self.tokenizer, prompt).ids
                if len(ids) >= self.max_length:
                    yield SampleEvent(Unread(number, len(ids), self.max_length), version)
                else:
                    tasks.append(asyncio.create_task(self._complete(number, ids, sampling, adapter, events)))
            running = len(tasks)
            while running:
                event = await events.get()
                if isinstance(event, BaseException):
                    raise event
                if event is None:
                    running -= 1
                else:
                    yield SampleEvent(event, version)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _complete(
        self, prompt: int, ids: list[int], sampling: Sampling, adapter: Any, events: asyncio.Queue[Any]
    ) -> None:
        """Put all pieces of one prompt into ``events``, then None, or the exception if generation fails."""
        parameters = self._parameters(prompt, len(ids), sampling)
        try:
            outputs = self._llm.generate(tokens_input(ids), parameters, uuid.uuid4().hex, lora_request=adapter)
            async for output in outputs:
                for part in output.outputs:
                    if part.token_ids or part.finish_reason:
                        for piece in repeated(_piece(prompt, part), sampling):
                            events.put_nowait(piece)
        except Exception as error:
            events.put_nowait(error)
        else:
            events.put_nowait(None)

    def _parameters(self, prompt: int, length: int, sampling: Sampling) -> Any:
        most = self._settings.max_new_tokens if sampling.max_tokens is None else sampling.max_tokens
        return SamplingParams(
            n=sampling.drawn,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            max_tokens=min(most, self.max_length - length),
            stop=list(sampling.stop),
            skip_special_tokens=False,  # as the engine `transformers`
            seed=None if sampling.seed is None else prompt_seed(sampling.seed, sampling.first_prompt + prompt),
            logprobs=0 if sampling.log_probabilities else None,
            output_kind=RequestOutputKind.FINAL_ONLY if sampling.whole else RequestOutputKind.DELTA,
            stream_interval=STREAM_INTERVAL,
        )

    @property
    def healthy(self) -> bool:
        """See ``LivePolicy``."""
        return not self._llm.errored

    async def update(self, version: int, uri: str, kind: WeightsKind) -> float:
        """See ``LivePolicy``. The update is shielded, because a cancelled caller must not leave the weights half
        replaced."""
        return await asyncio.shield(self._update(version, uri, kind))

    async def _update(self, version: int, uri: str, kind: WeightsKind) -> float:
        async with self._updating:
            weights = self.weights.after(version, uri, kind, self._base)
            if kind == "adapter":
                return await self._apply_adapter(weights)
            folder = await asyncio.to_thread(local_folder, uri)
            await asyncio.to_thread(require_same_architecture, self._folder, folder)
            return await self._change_over(weights, folder, None)

    async def _apply_adapter(self, weights: Weights) -> float:
        """Load an adapter beside the present weights. If a full checkpoint has replaced the base model, the base model
        is loaded again first, because adapters belong to it."""
        assert weights.adapter is not None
        if not self._settings.max_adapter_rank:
            raise InputError("kind: this server accepts no adapters; start it with --max-adapter-rank 16, or higher")
        folder = await asyncio.to_thread(local_folder, weights.adapter)
        if not (folder / ADAPTER_CONFIG).is_file():
            raise InputError(f"adapter {folder}: has no {ADAPTER_CONFIG}; give a folder that PEFT has saved")
        self._adapters += 1
        adapter = LoRARequest(f"adapter-{self._adapters}", self._adapters, str(folder.resolve()))
        if self._loaded != self._folder:
            # First find out whether the adapter can be loaded, before the weights are replaced.
            await self._load_adapter(adapter, str(folder))
            return await self._change_over(weights, self._folder, adapter)
        await self._load_adapter(adapter, str(folder))
        self.weights, self._adapter = weights, adapter
        return 0.0

    async def _load_adapter(self, adapter: Any, folder: str) -> None:
        try:
            await self._llm.add_lora(adapter)
        except Exception as error:  # vLLM raises a bare Exception with the worker's message
            raise unloadable("adapter", folder, error) from error

    async def _change_over(self, weights: Weights, folder: Path, adapter: Any) -> float:
        """Load a full checkpoint over the present one while no request runs. If loading fails, the former one is loaded
        again."""
        start = time.monotonic()
        async with self._gate.alone():
            try:
                await self._reload(folder)
            except Exception as error:
                await self._reload(self._loaded)
                raise unloadable("model", str(folder), error) from error
            self._loaded, self.weights, self._adapter = folder, weights, adapter
        return time.monotonic() - start

    async def _reload(self, folder: Path) -> None:
        await self._llm.collective_rpc("reload_weights", kwargs={"weights_path": str(folder)})
        await self._llm.reset_prefix_cache()

    async def close(self) -> None:
        """End the engine's processes."""
        await asyncio.to_thread(self._llm.shutdown, STOP_WAIT_S)


def accepted_rank(rank: int) -> int:
    """The lowest rank that vLLM accepts and that is at least ``rank``; 0 stays 0.

    ``InputError`` if ``rank`` is above vLLM's highest.
    """
    accepted: list[int] = [one for one in (0, *get_args(MaxLoRARanks)) if one >= rank]
    if not accepted:
        raise InputError(f"--max-adapter-rank: {rank} is above vLLM's limit, {max(get_args(MaxLoRARanks))}")
    return min(accepted)


def prompt_seed(seed: int, prompt: int) -> int:
    """The seed of one prompt of a request. vLLM adds the sample's number to it. The shift leaves room for this addition
    in 64 bits."""
    return int(np.random.SeedSequence((seed % 2**64, prompt)).generate_state(1, np.uint64)[0] >> np.uint64(2))


def _logprobs_mode(sampling: Sampling, present: LogprobsMode) -> LogprobsMode:
    """The kind of log-probabilities that a request needs; ``present`` if both kinds are equal for it."""
    if sampling.logprobs_at is None:
        return present
    return "processed_logprobs" if sampling.at_temperature else "raw_logprobs"


def _piece(prompt: int, part: Any) -> Piece:
    """A delta of vLLM (``CompletionOutput``) as a ``Piece``. A sample that vLLM aborts ends with ``length``."""
    ids = tuple(part.token_ids)
    found = (
        () if part.logprobs is None else tuple(at[token].logprob for token, at in zip(ids, part.logprobs, strict=True))
    )
    finish: Finish | None = None
    if part.finish_reason is not None:
        finish = "stop" if part.finish_reason == "stop" else "length"
    return Piece(prompt, part.index, part.text, ids, found, finish)
