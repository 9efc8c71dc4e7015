"""The protocol of a policy engine that serves, and the gate that decides when its weights may change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from prlcoder.errors import InputError
from prlcoder.policy.sampling import Piece, Sampling, Unread
from prlcoder.problems.prompts import ModelInput, PromptTemplate

WeightsKind = Literal["full", "adapter"]


@dataclass(frozen=True)
class Weights:
    """The weights that a sample is generated with. ``adapter`` is applied to ``model``; None means no adapter."""

    version: int
    model: str
    adapter: str | None = None

    def after(self, version: int, uri: str, kind: WeightsKind, base: str) -> Weights:
        """The weights after an update. An adapter always applies to ``base``, the model that the server started with.
        ``InputError`` if ``version`` is not above the present one."""
        if version <= self.version:
            raise InputError(f"version: {version} is not above the present {self.version}; give a higher one")
        return Weights(version, base, uri) if kind == "adapter" else Weights(version, uri)


@dataclass(frozen=True)
class SampleEvent:
    """One event of a sample, and the version of the weights that generate the whole sample."""

    event: Piece | Unread
    weights_version: int


class LivePolicy(Protocol):
    """An engine that serves many callers within one event loop."""

    template: PromptTemplate
    device: str

    @property
    def engine(self) -> str:
        """The engine's name."""
        ...

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of the present weights."""
        ...

    @property
    def max_length(self) -> int:
        """Maximum number of tokens of a prompt and its completion together."""
        ...

    @property
    def weights(self) -> Weights:
        """The weights of samples that begin now."""
        ...

    @property
    def healthy(self) -> bool:
        """Whether the engine runs. An engine that has died does not recover."""
        ...

    def stream(self, prompts: Sequence[str | ModelInput], sampling: Sampling) -> AsyncGenerator[SampleEvent, None]:
        """All samples of all prompts, piece by piece, and one ``Unread`` per prompt that is too long. Close the
        generator to stop the engine's work on them."""
        ...

    async def update(self, version: int, uri: str, kind: WeightsKind) -> float:
        """Switch to other weights for samples that begin from now on. Returns for how many seconds the switch delayed
        requests. ``InputError`` if the weights cannot be loaded; the present ones then continue to serve."""
        ...

    async def close(self) -> None:
        """Free all resources."""
        ...


class WeightsGate:
    """A lock for readers and a writer: samples enter ``together``, a change of weights enters ``alone``.

    A writer waits for the readers inside. Readers that arrive later wait for the writer, so that a steady stream of
    requests cannot delay a change of weights for ever.
    """

    def __init__(self) -> None:
        self._inside = 0
        self._changed = asyncio.Condition()
        self._closed = False

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """Enter as a reader, once no writer is inside or waiting."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._closed)
            self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            # Shielded: if this task is cancelled here, the others must still learn that the gate has changed.
            await asyncio.shield(self._notify())

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Enter as the writer, once no other task is inside."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._closed)
            self._closed = True
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: self._inside == 0)
            yield
        finally:
            self._closed = False
            await asyncio.shield(self._notify())

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()
