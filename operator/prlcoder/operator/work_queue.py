"""A queue of keys to look at: each key at most once in it, never handled twice at a time, retried with patience."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import time
from typing import Final, Protocol

FIRST_RETRY_S: Final = 1.0
MAX_RETRY_S: Final = 300.0

Key = tuple[str, str]  # namespace and name


class QueueObserver(Protocol):
    """What is told of a queue's work."""

    def added(self, waiting: int) -> None:
        """A key was put into the queue; ``waiting`` keys are in it now."""

    def taken(self, waited_s: float, waiting: int) -> None:
        """A key that waited so long is handled now."""

    def failed(self) -> None:
        """A key was handled in vain and is tried again."""


class WorkQueue:
    """What Kubernetes' own controllers use: adding a key twice handles it once, and adding it while it is handled
    handles it again afterwards."""

    def __init__(self, observer: QueueObserver | None = None) -> None:
        self._observer = observer
        self._ready: dict[Key, float] = {}  # in order of arrival, with its time
        self._busy: dict[Key, float] = {}  # with the time since when
        self._again: set[Key] = set()
        self._later: list[tuple[float, int, Key]] = []
        self._numbers = itertools.count()
        self._failures: dict[Key, int] = {}
        self._changed = asyncio.Condition()

    def __len__(self) -> int:
        return len(self._ready)

    @property
    def busy(self) -> int:
        """Keys that are handled now."""
        return len(self._busy)

    @property
    def oldest_s(self) -> float:
        """For how long the key is handled that was taken first; 0 if none is handled."""
        return max((time.monotonic() - since for since in self._busy.values()), default=0.0)

    async def add(self, key: Key) -> None:
        """Handle ``key`` soon."""
        async with self._changed:
            self._put(key)
            self._changed.notify()

    async def add_after(self, key: Key, seconds: float) -> None:
        """Handle ``key`` once that time has passed."""
        async with self._changed:
            at = asyncio.get_running_loop().time() + max(0.0, seconds)
            heapq.heappush(self._later, (at, next(self._numbers), key))
            self._changed.notify()

    async def retry(self, key: Key) -> float:
        """Handle ``key`` again after a pause that doubles with each failure; the pause in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        if self._observer is not None:
            self._observer.failed()
        pause: float = min(MAX_RETRY_S, FIRST_RETRY_S * 2.0**failures) * random.uniform(0.8, 1.2)
        await self.add_after(key, pause)
        return pause

    def forget(self, key: Key) -> None:
        """The key was handled well: the next failure is its first."""
        self._failures.pop(key, None)

    async def take(self) -> Key:
        """The next key; it counts as handled from now until ``done``."""
        async with self._changed:
            while True:
                now = asyncio.get_running_loop().time()
                while self._later and self._later[0][0] <= now:
                    self._put(heapq.heappop(self._later)[2])
                if self._ready:
                    key = next(iter(self._ready))
                    self._start(key, since=self._ready.pop(key))
                    return key
                await self._wait(self._later[0][0] - now if self._later else None)

    async def done(self, key: Key) -> None:
        """The key is no longer handled; if it was added meanwhile, it is next in line again."""
        async with self._changed:
            self._busy.pop(key, None)
            if key in self._again:
                self._again.discard(key)
                self._put(key)
                self._changed.notify()

    def _put(self, key: Key) -> None:
        if key in self._busy:
            self._again.add(key)
        elif key not in self._ready:
            self._ready[key] = time.monotonic()
            if self._observer is not None:
                self._observer.added(len(self._ready))

    def _start(self, key: Key, since: float) -> None:
        self._busy[key] = time.monotonic()
        if self._observer is not None:
            self._observer.taken(self._busy[key] - since, len(self._ready))

    async def _wait(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass
