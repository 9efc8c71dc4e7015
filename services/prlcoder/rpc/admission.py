"""Bounds the work that a server has accepted and not finished.

Excess calls are refused with a retry hint; excess stream items wait. No caller starves another: a freed place goes to
the oldest waiting item, but waiting items may fill at most three quarters of the queue, and one sixteenth is reserved
for calls that were refused before.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from prlcoder.rpc.errors import exhausted

RETRY_AFTER_S: Final = 0.2
is_retry: ContextVar[bool] = ContextVar("is_retry", default=False)  # whether the present call was refused before


class Admission:
    """Counts the items that are accepted and not finished, and their bytes. For one event loop."""

    def __init__(self, items: int, size: int = 1 << 28) -> None:
        """At most ``items`` items with a total of ``size`` bytes (256 MiB). One item is always admitted when nothing
        else is in flight, whatever its size, since otherwise it could never run."""
        self.items, self.size = items, size
        self.in_flight = self.in_flight_bytes = 0
        self._streamed = 0  # of the items in flight, those that entered by `admit_when_free`
        # Streams would otherwise take every place that comes free, because they wait for it and calls do not.
        self._max_streamed = items - items // 4
        # Under steady overload new calls arrive all the time. Without a reserve, a call that was refused before would
        # compete with all of them again at each attempt and might never get in.
        self._max_new = items - items // 16
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()

    @contextmanager
    def admit(self, items: int, size: int = 0) -> Iterator[None]:
        """Hold places during the block. ``CallError`` (RESOURCE_EXHAUSTED) if they are not free or due to others."""
        others_first = bool(self._waiting) and self._streamed < self._max_streamed
        limit = self.items if is_retry.get() else self._max_new
        if others_first or not self._fits(items, size, limit):
            raise exhausted(
                f"the queue is full ({self.in_flight} items of at most {limit}); retry later", RETRY_AFTER_S
            )
        self._add(items, size)
        try:
            yield
        finally:
            self._remove(items, size)

    async def admit_when_free(self, size: int) -> None:
        """Take a place for one item as soon as one is free, first come, first served. ``release`` returns it."""
        if self._waiting or not self._may_enter(size):
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((turn, size))
            try:
                await turn
            except asyncio.CancelledError:
                # The place may have been given in the same turn of the loop in which the caller was cancelled. The
                # caller will not return it then, so it is returned here.
                if turn.done() and not turn.cancelled():
                    self.release(1, size)
                raise
        else:
            self._enter(size)

    def release(self, items: int, size: int) -> None:
        """Return places that ``admit_when_free`` gave."""
        self._streamed -= items
        self._remove(items, size)

    def _remove(self, items: int, size: int) -> None:
        self.in_flight -= items
        self.in_flight_bytes -= size
        while self._waiting:
            turn, wanted = self._waiting[0]
            if not turn.done():  # a cancelled item is only dropped from the queue
                # A large item at the head blocks the smaller ones behind it. If they overtook it, it could wait for
                # ever.
                if not self._may_enter(wanted):
                    return
                # Its place is counted now, not when its coroutine runs: another call could take it in between.
                self._enter(wanted)
                turn.set_result(None)
            self._waiting.popleft()

    def _fits(self, items: int, size: int, limit: int) -> bool:
        return self.in_flight == 0 or (self.in_flight + items <= limit and self.in_flight_bytes + size <= self.size)

    def _may_enter(self, size: int) -> bool:
        return self._streamed < self._max_streamed and self._fits(1, size, self.items)

    def _enter(self, size: int) -> None:
        self._streamed += 1
        self._add(1, size)

    def _add(self, items: int, size: int) -> None:
        self.in_flight += items
        self.in_flight_bytes += size
