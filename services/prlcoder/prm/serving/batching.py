"""Dynamic batching: requests that arrive one by one reach the model together.

One thread runs the model. While it is busy, items queue; when it is free, it takes the oldest and those about as long,
such that the time for a token is least: a pass has its price, and so has padding. A model that waits idle for company
that never comes only adds latency, so it waits (at most ``max_delay_s`` after the oldest item arrived) only where the
batch before had company.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from prlcoder.prm.serving.pass_cost import PassCost

MAX_DELAY_S = 0.005

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class BatchLimits:
    """``max_tokens`` is rows times the longest row: a single row may be longer."""

    max_tokens: int
    max_delay_s: float = MAX_DELAY_S


@dataclass(frozen=True)
class Batch:
    """What one pass over the model did, for metrics: tokens read, padding included, and all its scores."""

    tokens: int
    probabilities: list[float]


@dataclass(eq=False)
class _Waiting(Generic[ItemT, ResultT]):
    item: ItemT
    size: int
    arrived: float
    result: asyncio.Future[ResultT]


class Batcher(Generic[ItemT, ResultT]):
    """``run(items)`` returns one result an item, in its own thread; if it raises, so does every ``submit`` of the
    batch. Create and use it within one event loop."""

    def __init__(
        self,
        run: Callable[[Sequence[ItemT]], Sequence[ResultT]],
        *,
        size: Callable[[ItemT], int],
        limits: BatchLimits,
    ) -> None:
        self._run, self._size, self._limits = run, size, limits
        self._queue: list[_Waiting[ItemT, ResultT]] = []
        self._arrival = asyncio.Event()
        self._cost = PassCost(most=limits.max_tokens)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._last_batch_shared = False
        self._closing = False
        self._task = asyncio.create_task(self._serve())

    @property
    def waiting(self) -> int:
        """How many items wait for a batch."""
        return len(self._queue)

    async def submit(self, item: ItemT) -> ResultT:
        """The item's result. Cancelling drops an item that still waits."""
        if self._closing:
            raise RuntimeError("this batcher is closed")
        loop = asyncio.get_running_loop()
        waiting: _Waiting[ItemT, ResultT] = _Waiting(item, self._size(item), loop.time(), loop.create_future())
        self._queue.append(waiting)
        self._arrival.set()
        try:
            return await waiting.result
        finally:
            if waiting.result.cancelled():
                with contextlib.suppress(ValueError):  # it runs already
                    self._queue.remove(waiting)

    async def close(self) -> None:
        """Finish what waits, accept nothing more, end the thread."""
        self._closing = True
        self._arrival.set()
        await self._task
        self._thread.shutdown()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while not self._queue:
                if self._closing:
                    return
                self._arrival.clear()
                await self._arrival.wait()
            if self._last_batch_shared:
                await self._wait_for_more()
            if not self._queue:
                continue  # all of them were cancelled meanwhile
            taken = fill([waiting.size for waiting in self._queue], self._limits.max_tokens, self._cost.tokens)
            batch = [self._queue[index] for index in taken]
            left = set(range(len(self._queue))) - set(taken)
            self._queue = [self._queue[index] for index in sorted(left)]
            self._last_batch_shared = len(batch) > 1
            try:
                results = await loop.run_in_executor(self._thread, self._timed, batch)
            except Exception as error:  # it is the callers' to handle; the loop serves on
                for waiting in batch:
                    if not waiting.result.done():
                        waiting.result.set_exception(error)
            else:
                for waiting, result in zip(batch, results, strict=True):
                    if not waiting.result.done():
                        waiting.result.set_result(result)

    def _timed(self, batch: Sequence[_Waiting[ItemT, ResultT]]) -> Sequence[ResultT]:
        start = time.perf_counter()
        results = self._run([waiting.item for waiting in batch])
        self._cost.saw(len(batch) * max(waiting.size for waiting in batch), time.perf_counter() - start)
        return results

    async def _wait_for_more(self) -> None:
        """Until the queue fills a batch or its oldest item has waited long enough."""
        loop = asyncio.get_running_loop()
        while self._queue and not self._closing:
            left = self._queue[0].arrived + self._limits.max_delay_s - loop.time()
            sizes = [waiting.size for waiting in self._queue]
            if left <= 0 or len(sizes) * max(sizes) >= self._limits.max_tokens:
                return
            self._arrival.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._arrival.wait(), left)


def fill(sizes: Sequence[int], max_tokens: int, pass_tokens: float) -> list[int]:
    """Indexes of a batch: the first (oldest) item and neighbours of it in the order of sizes, rows times the largest
    within ``max_tokens``, such that most tokens are read for the cost, ``pass_tokens`` and the padded tokens. The
    first is always in it.

    >>> [fill([10, 30, 11], 90, pass_tokens) for pass_tokens in (0, 10, 1000)]
    [[0], [0, 2], [0, 2, 1]]
    >>> fill([500, 9, 9], 44, 1000)
    [0]
    """
    oldest = sizes[0]
    order = sorted(range(len(sizes)), key=lambda index: (sizes[index], index if sizes[index] >= oldest else -index))
    place = order.index(0)
    best, batch = 0.0, [0]
    tokens = 0  # of the items from the oldest to the longest
    for last in range(place, len(order)):
        longest = sizes[order[last]]
        tokens += longest
        most = max(max_tokens // longest, 1)
        if last - place >= most:
            break
        first, read, share = place, tokens, tokens / (pass_tokens + (last - place + 1) * longest)
        while first > 0 and last - first + 1 < most:  # the next are shorter still: once one is a loss, all are
            wider = read + sizes[order[first - 1]]
            cost = pass_tokens + (last - first + 2) * longest
            if wider / cost < share:
                break
            first, read, share = first - 1, wider, wider / cost
        if share >= best:
            best, batch = share, order[first : last + 1]
    return batch
