"""Dynamic batching: items that arrive one by one reach the model together.

One thread runs the model. While it is busy, items queue. When it is free, it batches the oldest item with items of
similar length so that the time per token is least: each pass over the model has a fixed cost, and padding costs too.

An idle model that waits for more items only adds latency if none arrive. So it waits, at most until ``max_delay_s``
after the oldest item arrived, only if the previous batch had more than one item: then several callers are active.
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
    """``max_tokens`` bounds the number of rows times the longest row. A single row may be longer than that."""

    max_tokens: int
    max_delay_s: float = MAX_DELAY_S


@dataclass(frozen=True)
class Batch:
    """One pass over the model, for metrics: the tokens that it read, padding included, and all scores."""

    tokens: int
    probabilities: list[float]


@dataclass(eq=False)
class _Waiting(Generic[ItemT, ResultT]):
    item: ItemT
    size: int
    arrived: float
    result: asyncio.Future[ResultT]


class Batcher(Generic[ItemT, ResultT]):
    """Collects items from many ``submit`` calls and gives them to ``run`` in batches.

    ``run(items)`` returns one result per item and is called in a thread of its own. If it raises, every ``submit`` of
    the batch raises the same exception. ``size(item)`` is an item's number of tokens. Create and use a batcher within
    one event loop.
    """

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
        """The item's result. Cancelling drops the item if it still waits for a batch."""
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
                with contextlib.suppress(ValueError):  # the item is in a batch already and will be scored
                    self._queue.remove(waiting)

    async def close(self) -> None:
        """Score the waiting items, accept no more, end the thread."""
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
                continue  # all items were cancelled during the wait
            # Items that arrive while the model runs stay in the queue, so the batch is chosen as late as possible.
            taken = fill([waiting.size for waiting in self._queue], self._limits.max_tokens, self._cost.tokens)
            batch = [self._queue[index] for index in taken]
            left = set(range(len(self._queue))) - set(taken)
            self._queue = [self._queue[index] for index in sorted(left)]
            self._last_batch_shared = len(batch) > 1
            try:
                results = await loop.run_in_executor(self._thread, self._timed, batch)
            except Exception as error:  # the callers handle it; this loop must survive to serve the next batch
                for waiting in batch:
                    if not waiting.result.done():  # done means that its caller was cancelled
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
        """Return when the queue fills a batch or its oldest item has waited for ``max_delay_s``."""
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
    """Indexes of the items of a batch, given the items' sizes with the oldest item first.

    The batch contains the oldest item and its neighbours in the order of sizes. Rows times the largest size is at most
    ``max_tokens``. Among these batches it is the one with the most useful tokens per cost, where the cost is
    ``pass_tokens`` (the fixed cost of a pass, expressed in tokens) plus the tokens with padding.

    >>> [fill([10, 30, 11], 90, pass_tokens) for pass_tokens in (0, 10, 1000)]
    [[0], [0, 2], [0, 2, 1]]
    >>> fill([500, 9, 9], 44, 1000)
    [0]
    """
    oldest = sizes[0]
    # Equal sizes: longer items follow in order of arrival and shorter ones precede in reverse, so that of two items
    # of one size the older one is nearer to the oldest item and is taken first.
    order = sorted(range(len(sizes)), key=lambda index: (sizes[index], index if sizes[index] >= oldest else -index))
    place = order.index(0)
    best, batch = 0.0, [0]
    tokens = 0  # of the items from the oldest item to the longest one
    # Choose the longest item of the batch. It fixes the padding of all rows; then extend the batch to shorter items.
    for last in range(place, len(order)):
        longest = sizes[order[last]]
        tokens += longest
        most = max(max_tokens // longest, 1)
        if last - place >= most:
            break
        first, read, share = place, tokens, tokens / (pass_tokens + (last - place + 1) * longest)
        # The next items are ever shorter: once one lowers the ratio, all further ones do.
        while first > 0 and last - first + 1 < most:
            wider = read + sizes[order[first - 1]]
            cost = pass_tokens + (last - first + 2) * longest
            if wider / cost < share:
                break
            first, read, share = first - 1, wider, wider / cost
        if share >= best:
            best, batch = share, order[first : last + 1]
    return batch
