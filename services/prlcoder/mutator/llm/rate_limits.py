"""Decides when the next request may be sent: back-off after failures, and the endpoint's rate limits.

The clock and the sleep function are parameters, so that tests can check every rule without waiting.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER_S = 600.0  # if a server asks for a longer pause, the request fails instead
BURST_S = 1.0  # the amount that a rate allows in this time may be used at once

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class Backoff:
    """Exponential back-off with full jitter: wait n is uniform from 0 to ``min(first_s * 2**n, most_s)`` seconds."""

    first_s: float = 1.0
    most_s: float = 60.0

    def wait(self, attempt: int, rng: random.Random) -> float:
        """Return the seconds to wait after attempt number ``attempt`` (0-based)."""
        return rng.uniform(0.0, min(self.most_s, self.first_s * 2.0 ** min(attempt, 30)))


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the pause in ``Retry-After`` (a number or a date) or ``retry-after-ms``, in seconds; None without one."""
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
    """A token bucket whose level may be negative: ``take`` succeeds at once and returns how long to wait.

    Callers are therefore served in the order in which they came, and an amount larger than the bucket is possible.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float]) -> None:
        self._rate = per_minute / 60
        self._most = max(self._rate * BURST_S, 1.0)
        self._level = self._most
        self._clock = clock
        self._seen = clock()

    def take(self, amount: float) -> float:
        """Take ``amount`` (a negative amount is returned to the bucket); return the seconds until it is available."""
        now = self._clock()
        self._level = min(self._most, self._level + (now - self._seen) * self._rate) - amount
        self._seen = now
        return max(0.0, -self._level / self._rate)


class Pace:
    """The limits of one endpoint: requests and tokens per minute, and the pauses that it asks for."""

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
        """Wait until a request of about ``tokens`` may be sent."""
        wait = max(
            self._requests.take(1) if self._requests else 0.0,
            self._tokens.take(tokens) if self._tokens else 0.0,
        )
        if wait > 0:
            await self._sleep(wait)
        while (rest := self._paused_until - self._clock()) > 0:
            await self._sleep(rest)

    def correct(self, estimated: int, used: int) -> None:
        """Replace a request's estimated tokens by the tokens that it used."""
        if self._tokens:
            self._tokens.take(used - estimated)

    def pause(self, seconds: float) -> None:
        """Hold back all requests for this time, because the endpoint asked for it."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    async def rest(self, seconds: float) -> None:
        """Wait before a retry of one request."""
        await self._sleep(seconds)
