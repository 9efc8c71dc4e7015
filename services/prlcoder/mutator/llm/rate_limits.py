"""When the next request may go: backing off after failures, and the endpoint's rate limits.

The clock and the sleep are given, so that every rule here can be checked without waiting.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_ASKED_S = 600.0  # a server that asks for a longer pause is not waited for
BURST_S = 1.0  # seconds' worth of a rate that may go at once

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class Backoff:
    """Exponential, with full jitter: the n-th wait is drawn from 0 to ``first_s * 2**n``, at most ``most_s``."""

    first_s: float = 1.0
    most_s: float = 60.0

    def wait(self, attempt: int, rng: random.Random) -> float:
        """Seconds before the try after ``attempt`` (0-based)."""
        return rng.uniform(0.0, min(self.most_s, self.first_s * 2.0 ** min(attempt, 30)))


def asked_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that ``Retry-After`` asks for (a number or a date; ``retry-after-ms`` too), None without one."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        value = headers["retry-after"]
    except (KeyError, ValueError):
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds())


class Bucket:
    """A token bucket in arrears: an amount is taken at once, and its taker told how long to wait for it.

    Takers therefore go in the order in which they came, and an amount larger than the bucket passes too, late enough.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float]) -> None:
        self._rate = per_minute / 60
        self._most = max(self._rate * BURST_S, 1.0)
        self._level = self._most
        self._clock = clock
        self._seen = clock()

    def take(self, amount: float) -> float:
        """Take ``amount`` (negative: give back); seconds until it is there."""
        now = self._clock()
        self._level = min(self._most, self._level + (now - self._seen) * self._rate) - amount
        self._seen = now
        return max(0.0, -self._level / self._rate)


class Pace:
    """The limits of one endpoint: requests and tokens a minute, and the pauses that it asks for."""

    def __init__(
        self,
        requests_per_minute: int | None,
        tokens_per_minute: int | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._requests = Bucket(requests_per_minute, clock) if requests_per_minute else None
        self._tokens = Bucket(tokens_per_minute, clock) if tokens_per_minute else None
        self._paused_until = clock()

    async def turn(self, tokens: int) -> None:
        """Return when a request of about ``tokens`` may go."""
        wait = max(
            self._requests.take(1) if self._requests else 0.0,
            self._tokens.take(tokens) if self._tokens else 0.0,
        )
        if wait > 0:
            await self._sleep(wait)
        while (rest := self._paused_until - self._clock()) > 0:
            await self._sleep(rest)

    def correct(self, estimated: int, used: int) -> None:
        """The tokens that a request really took."""
        if self._tokens:
            self._tokens.take(used - estimated)

    def pause(self, seconds: float) -> None:
        """Nobody asks for so long: the endpoint has said so."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    async def rest(self, seconds: float) -> None:
        """One asker waits before its next try."""
        await self._sleep(seconds)
