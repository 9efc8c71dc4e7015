"""The engine ``transformers`` as a live policy. Requests run one after another on a thread of its own; the samples of
one request form a batch. For many concurrent clients use the engine ``vllm``."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, Final

from prlcoder.modeling.checkpoints import Checkpoint, load, model_template
from prlcoder.policy.sampling import Sampling
from prlcoder.policy.serving.live import SampleEvent, Weights, WeightsKind
from prlcoder.policy.serving.settings import PolicySettings
from prlcoder.policy.transformers_engine import TransformersEngine
from prlcoder.problems.prompts import ModelInput


class TransformersPolicy:
    """A ``LivePolicy``. New weights are loaded beside the present ones, so that no request waits for them."""

    engine: Final = "transformers"

    def __init__(self, checkpoint: Checkpoint, settings: PolicySettings) -> None:
        self._settings = settings
        self._serving = (Weights(0, settings.model), self._engine(checkpoint))
        self.template = model_template(settings.model, checkpoint.tokenizer)
        self.device = str(checkpoint.model.device.type)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="policy")
        self._updating = asyncio.Lock()

    @classmethod
    async def start(cls, settings: PolicySettings) -> TransformersPolicy:
        """Load the model. ``InputError`` if it cannot be loaded."""
        return cls(await asyncio.to_thread(load, settings.model), settings)

    def _engine(self, checkpoint: Checkpoint) -> TransformersEngine:
        return TransformersEngine(checkpoint, max_new_tokens=self._settings.max_new_tokens)

    @property
    def weights(self) -> Weights:
        """The weights of samples that begin now."""
        return self._serving[0]

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of the present weights."""
        return self._serving[1].tokenizer

    @property
    def max_length(self) -> int:
        """The context of the present weights."""
        return self._serving[1].max_length

    async def stream(
        self, prompts: Sequence[str | ModelInput], sampling: Sampling
    ) -> AsyncGenerator[SampleEvent, None]:
        """See ``LivePolicy``."""
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[SampleEvent | None] = asyncio.Queue()
        stopped = threading.Event()

        def work() -> None:
            if stopped.is_set():
                return
            weights, engine = self._serving
            with closing(engine.stream(prompts, sampling)) as found:
                for event in found:
                    if stopped.is_set():
                        return
                    loop.call_soon_threadsafe(events.put_nowait, SampleEvent(event, weights.version))

        done = loop.run_in_executor(self._thread, work)
        done.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            await done  # raises the exception of the work, if there was one
        finally:
            stopped.set()

    @property
    def healthy(self) -> bool:
        """See ``LivePolicy``. The engine runs in this process, so it runs as long as somebody can ask."""
        return True

    async def update(self, version: int, uri: str, kind: WeightsKind) -> float:
        """See ``LivePolicy``."""
        async with self._updating:
            weights = self.weights.after(version, uri, kind, self._settings.model)
            checkpoint = await asyncio.to_thread(load, weights.model, adapter=weights.adapter)
            start = time.monotonic()
            self._serving = (weights, self._engine(checkpoint))
            return time.monotonic() - start

    async def close(self) -> None:
        """End the thread after its present request."""
        await asyncio.to_thread(self._thread.shutdown)
