"""A reward model that serves many callers: dynamic batches, reused prefixes, and checkpoints that can be replaced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import torch

from prlcoder.errors import InputError
from prlcoder.prm.items import ItemError, ProgramScores, ProgramToScore
from prlcoder.prm.prefixes import PrefixCache, can_reuse
from prlcoder.prm.serving.batching import Batch, Batcher, BatchLimits
from prlcoder.prm.serving.settings import MAX_PREFIX_TOKENS
from prlcoder.prm.step_model import StepModel, Tokenised, step_scores


class _Serving:
    """One checkpoint and its prefix cache. A new checkpoint starts with an empty cache: keys and values of old weights
    would be wrong."""

    def __init__(self, version: int, model: StepModel, kept_tokens: int) -> None:
        self.version, self.model = version, model
        self._prefixes = PrefixCache(model, kept_tokens) if kept_tokens and can_reuse(model) else None

    def odds(self, rows: Sequence[Tokenised]) -> list[list[float]]:
        return self.model.odds(rows) if self._prefixes is None else self._prefixes.odds(rows)


@dataclass(frozen=True, eq=False)
class _ScoringJob:
    """An item that is tokenised for the checkpoint that served when it arrived. The same checkpoint will score it, even
    if another one has replaced it meanwhile."""

    serving: _Serving
    row: Tokenised


class LiveScorer:
    """Scores items with ``score``, replaces the checkpoint with ``update``. Create and use it within one event loop."""

    def __init__(
        self,
        model: StepModel,
        *,
        version: int = 0,
        limits: BatchLimits | None = None,
        kept_tokens: int = MAX_PREFIX_TOKENS,
        on_batch: Callable[[Batch], None] = lambda batch: None,
    ) -> None:
        self._kept_tokens = kept_tokens
        self._on_batch = on_batch
        self._serving = _Serving(version, model, kept_tokens)
        self._tokenising = ThreadPoolExecutor(1, thread_name_prefix="tokenise")
        self._batcher: Batcher[_ScoringJob, list[float]] = Batcher(
            self._run, size=lambda job: len(job.row.ids), limits=limits or BatchLimits(model.batch_tokens)
        )
        self._updating = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def model(self) -> StepModel:
        """The checkpoint that scores new items."""
        return self._serving.model

    @property
    def version(self) -> int:
        """The version of that checkpoint."""
        return self._serving.version

    @property
    def waiting(self) -> int:
        """How many items wait for a batch."""
        return self._batcher.waiting

    async def score(self, items: Sequence[ProgramToScore]) -> list[ProgramScores | ItemError]:
        """The scores of each item, or the ``ItemError`` that says why there are none.

        Items of one call are batched with items of other calls. Cancelling the call drops its items that still wait.
        """
        serving = self._serving
        loop = asyncio.get_running_loop()
        rows = await loop.run_in_executor(self._tokenising, _tokenise, serving.model, items)
        found = await asyncio.gather(*(self._score_one(serving, row) for row in rows), return_exceptions=True)
        for outcome in found:
            if isinstance(outcome, BaseException) and not isinstance(outcome, ItemError):
                raise outcome
        return found  # type: ignore[return-value]  # the other exceptions were raised

    async def _score_one(self, serving: _Serving, row: Tokenised | ItemError) -> ProgramScores:
        if isinstance(row, ItemError):
            raise row
        if not row.ids:
            return ProgramScores([], serving.version)
        odds = await self._batcher.submit(_ScoringJob(serving, row))
        return ProgramScores(step_scores(row.item, odds), serving.version)

    async def update(self, version: int, uri: str) -> float:
        """Load another checkpoint beside the present one and switch to it. Returns for how many seconds the switch
        delayed requests.

        Items that have already arrived are scored by the former checkpoint, which is freed after the last of them.
        ``InputError`` if the checkpoint cannot be loaded or ``version`` is not above the present one; nothing has
        changed then.
        """
        async with self._updating:
            if version <= self.version:
                raise InputError(f"version: {version} is not above the present {self.version}; give a higher one")
            model = await asyncio.to_thread(StepModel.load, uri)
            start = time.monotonic()
            self._serving = _Serving(version, model, self._kept_tokens)
            return time.monotonic() - start

    async def close(self) -> None:
        """Score the waiting items, then end the threads."""
        await self._batcher.close()
        self._tokenising.shutdown()

    def _run(self, jobs: Sequence[_ScoringJob]) -> list[list[float]]:
        """Score one batch, in the model's thread. During a switch a batch may have items of two checkpoints."""
        odds: dict[_ScoringJob, list[float]] = {}
        for serving in dict.fromkeys(job.serving for job in jobs):
            own = [job for job in jobs if job.serving is serving]
            rows = [job.row for job in own]
            odds.update(zip(own, serving.odds(rows), strict=True))
            chances = torch.sigmoid(torch.tensor([odd for job in own for odd in odds[job]])).tolist()
            self._on_batch(Batch(len(rows) * max(len(row.ids) for row in rows), chances))
        return [odds[job] for job in jobs]


def _tokenise(model: StepModel, items: Sequence[ProgramToScore]) -> list[Tokenised | ItemError]:
    rows: list[Tokenised | ItemError] = []
    for item in items:
        try:
            rows.append(model.tokenise(item))
        except ItemError as error:
            rows.append(error)
    return rows
