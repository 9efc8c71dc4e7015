"""A policy that serves: what every engine does for the service, and when its weights may change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from prlcoder.errors import InputError
from prlcoder.policy.sampling import Piece, Sampling, Unread

WeightsKind = Literal["full", "adapter"]


@dataclass(frozen=True)
class Weights:
    """What a sample is written with. ``adapter`` is applied to ``model``, None if there is none."""

    version: int
    model: str
    adapter: str | None = None

    def after(self, version: int, uri: str, kind: WeightsKind, base: str) -> Weights:
        """The weights that an update asks for; adapters are for ``base``, the model that the server started with.
        ``InputError`` if ``version`` is not above the present one."""
        if version <= self.version:
            raise InputError(f"version: {version} is not above the present {self.version}; give a higher one")
        return Weights(version, base, uri) if kind == "adapter" else Weights(version, uri)


@dataclass(frozen=True)
class SampleEvent:
    """Something of a sample, and the version of the weights that writes the whole sample."""

    event: Piece | Unread
    weights_version: int


class LivePolicy(Protocol):
    """An engine that serves many at once; all within one event loop."""

    template: str  # name of the prompt template
    device: str

    @property
    def engine(self) -> str:
        """Its name."""
        ...

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of the present weights."""
        ...

    @property
    def max_length(self) -> int:
        """Tokens that prompt and completion may have together."""
        ...

    @property
    def weights(self) -> Weights:
        """Those of samples that begin now."""
        ...

    @property
    def healthy(self) -> bool:
        """Whether the engine still runs; one that has died does not come back."""
        ...

    def stream(self, prompts: Sequence[str], sampling: Sampling) -> AsyncGenerator[SampleEvent, None]:
        """All samples of all prompts, piece by piece; an ``Unread`` for each prompt that is too long. Close it to free
        the engine."""
        ...

    async def update(self, version: int, uri: str, kind: WeightsKind) -> float:
        """Other weights for the samples that begin from now on; seconds that requests had to wait for them.
        ``InputError`` if they cannot be loaded: the present ones go on serving then."""
        ...

    async def close(self) -> None:
        """Free everything."""
        ...


class WeightsGate:
    """Many pass together, or one alone: who comes alone waits for those inside and holds up those behind."""

    def __init__(self) -> None:
        self._inside = 0
        self._changed = asyncio.Condition()
        self._closed = False

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """Pass, once nobody is inside alone or waits to be."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._closed)
            self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            await asyncio.shield(self._tell())

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Pass, once nobody else is inside."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._closed)
            self._closed = True
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: self._inside == 0)
            yield
        finally:
            self._closed = False
            await asyncio.shield(self._tell())

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
