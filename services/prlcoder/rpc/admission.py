"""The bound on accepted work: what does not fit is refused at once, with a hint when to come again, or waits unread.

None starves the others: a place that comes free goes to what waits, but what waits never gets the last quarter, and the
last sixteenth is for calls that were refused before and come again.
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
        """At most ``items`` items of together ``size`` bytes (256 MiB); one item may always come in alone."""
        self.items, self.size = items, size
        self.in_flight = self.in_flight_bytes = 0
        self._waited = 0  # of those in_flight, the ones that came in by `wait`
        self._most_waited = items - items // 4
        self._most_new = items - items // 16
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()

    @contextmanager
    def admit(self, items: int, size: int = 0) -> Iterator[None]:
        """Hold places for the block. ``Refusal`` (RESOURCE_EXHAUSTED) if so many are not free, or due to who waits."""
        due = bool(self._waiting) and self._waited < self._most_waited
        most = self.items if is_retry.get() else self._most_new
        if due or not self._fits(items, size, most):
            raise exhausted(f"{self.in_flight} items are waiting, {most} may; come again", RETRY_AFTER_S)
        self._hold(items, size)
        try:
            yield
        finally:
            self._free(items, size)

    async def admit_when_free(self, size: int) -> None:
        """Hold a place for one item as soon as there is one, first come first served; ``release`` gives it back."""
        if self._waiting or not self._may_enter(size):
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((turn, size))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self.release(1, size)
                raise
        else:
            self._enter(size)

    def release(self, items: int, size: int) -> None:
        """Give places back that were waited for."""
        self._waited -= items
        self._free(items, size)

    def _free(self, items: int, size: int) -> None:
        self.in_flight -= items
        self.in_flight_bytes -= size
        while self._waiting:
            turn, wanted = self._waiting[0]
            if not turn.done():
                if not self._may_enter(wanted):
                    return
                self._enter(wanted)
                turn.set_result(None)
            self._waiting.popleft()

    def _fits(self, items: int, size: int, most: int) -> bool:
        return self.in_flight == 0 or (self.in_flight + items <= most and self.in_flight_bytes + size <= self.size)

    def _may_enter(self, size: int) -> bool:
        return self._waited < self._most_waited and self._fits(1, size, self.items)

    def _enter(self, size: int) -> None:
        self._waited += 1
        self._hold(1, size)

    def _hold(self, items: int, size: int) -> None:
        self.in_flight += items
        self.in_flight_bytes += size
