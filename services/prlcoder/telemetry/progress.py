"""Progress on standard error: done, total, rate and time left.

On a terminal one line is rewritten in place. Elsewhere a line is written every ten seconds, so that a log stays
readable.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self, TextIO


class Progress:
    """``with Progress("execute", total=100, unit="programs") as progress: ... progress.advance()``."""

    def __init__(
        self, label: str, *, total: int | None, unit: str, done: int = 0, stream: TextIO | None = None
    ) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._stream = stream if stream is not None else sys.stderr
        self._start = self._shown = time.monotonic()
        self._done = self._initial = done
        self._period = 0.2 if self._stream.isatty() else 10.0

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count ``count`` more units as done. ``note`` is appended to the line."""
        self._done += count
        now = time.monotonic()
        if now - self._shown >= self._period:
            self._shown = now
            self._show(note, end="\r" if self._stream.isatty() else "\n")

    def _show(self, note: str, end: str) -> None:
        elapsed = max(time.monotonic() - self._start, 1e-9)
        rate = (self._done - self._initial) / elapsed
        of = f"/{self._total:,}" if self._total is not None else ""
        left = ""
        if self._total is not None and rate > 0 and self._done < self._total:
            left = f", {_clock((self._total - self._done) / rate)} left"
        line = f"{self._label}: {self._done:,}{of} {self._unit}, {rate:,.1f}/s, {_clock(elapsed)}{left}"
        clear = "\x1b[K" if end == "\r" else ""
        self._stream.write(line + (f", {note}" if note else "") + clear + end)
        self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._done > self._initial or kind is None:
            self._show("" if kind is None else "stopped", end="\n")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
