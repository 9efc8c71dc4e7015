"""A circuit breaker: after several failures in a row no requests are sent for a while; then one request probes."""

from __future__ import annotations

import time
from collections.abc import Callable

COOLDOWN_S = 30.0


class Breaker:
    """Closed: requests are sent. Open: none is sent. Half-open, after the cooldown: one is sent, and its outcome
    decides."""

    def __init__(
        self, failures: int, cooldown_s: float = COOLDOWN_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._threshold, self._cooldown_s, self._clock = failures, cooldown_s, clock
        self._in_a_row = 0
        self._open_until: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether requests are being held back."""
        return self._open_until is not None

    def admits(self) -> bool:
        """Whether this request may be sent. If so, the caller must then call ``succeeded``, ``failed`` or
        ``abandoned``."""
        if self._open_until is None:
            return True
        if self._probing or self._clock() < self._open_until:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """Record that the endpoint answered."""
        self._in_a_row, self._open_until, self._probing = 0, None, False

    def failed(self) -> None:
        """Record that a request failed with all its retries."""
        self._in_a_row += 1
        if self._probing or self._in_a_row >= self._threshold:
            self._open_until = self._clock() + self._cooldown_s
        self._probing = False

    def abandoned(self) -> None:
        """Record that a request ended without information about the endpoint's health."""
        self._probing = False
