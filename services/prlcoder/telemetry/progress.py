"""Progress on standard error: samples and tokens done, total, rates and time left.

On a terminal it is one line that rewrites itself. Elsewhere it is one line every ten seconds, so that a log stays
readable. The lines come from a clock and not from finished work, so the first one appears within ten seconds however
long the first batch takes.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TextIO

LINE_PERIOD_S: Final = 10.0  # between two lines of a log
TERMINAL_PERIOD_S: Final = 0.2  # between two versions of the line on a terminal
CLOCK_PERIOD_S: Final = 1.0  # between two versions on a terminal while nothing is finished


@dataclass(frozen=True)
class ProgressSnapshot:
    """What a progress has counted so far. ``finished`` are the units and ``tokens`` the tokens of this process alone;
    ``done`` includes what an earlier process had finished."""

    label: str
    unit: str
    done: int
    total: int | None
    finished: int
    tokens: int
    elapsed_s: float
    note: str


class Progress:
    """``with Progress("generate", total=100, unit="samples") as progress: ... progress.advance(8, tokens=950)``.

    ``done`` is what an earlier run had finished; it counts as done and not for the rates. With ``final=False`` the line
    at the end is left out unless a line was shown before, for work that is usually short.
    """

    def __init__(
        self,
        label: str,
        *,
        total: int | None,
        unit: str,
        done: int = 0,
        final: bool = True,
        stream: TextIO | None = None,
        period_s: float | None = None,
    ) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._stream = stream if stream is not None else sys.stderr
        self._start = self._shown = time.monotonic()
        self._done = self._initial = done
        self._tokens, self._note, self._final = 0, "", final
        terminal = self._stream.isatty()
        self._end = "\r" if terminal else "\n"
        self._period = period_s or (TERMINAL_PERIOD_S if terminal else LINE_PERIOD_S)
        self._clock_period = period_s or (CLOCK_PERIOD_S if terminal else LINE_PERIOD_S)
        # The clock's thread and the working thread both write; a line must not be torn.
        self._lock = threading.Lock()
        self._finished = threading.Event()

    def advance(self, count: int = 1, note: str = "", tokens: int = 0) -> None:
        """Count ``count`` more units and ``tokens`` more tokens as done."""
        note_work()
        with self._lock:
            self._done += count
            self._tokens += tokens
            _TOKENS[self._label] += tokens
            self._note = note or self._note
            if time.monotonic() - self._shown >= self._period:
                self._show(self._end)

    def snapshot(self) -> ProgressSnapshot:
        """The counts as they are now."""
        with self._lock:
            return ProgressSnapshot(
                label=self._label,
                unit=self._unit,
                done=self._done,
                total=self._total,
                finished=self._done - self._initial,
                tokens=self._tokens,
                elapsed_s=max(time.monotonic() - self._start, 1e-9),
                note=self._note,
            )

    def _show(self, end: str, note: str | None = None) -> None:
        self._shown, self._final = time.monotonic(), True
        elapsed = max(self._shown - self._start, 1e-9)
        finished = self._done - self._initial
        rate = finished / elapsed
        parts = [f"{self._done:,}" + (f"/{self._total:,}" if self._total is not None else "") + f" {self._unit}"]
        if finished:
            parts.append(f"{rate:,.1f}/s")
        if self._tokens:
            parts.append(f"{self._tokens:,} tokens, {self._tokens / elapsed:,.0f} tokens/s")
        parts.append(_clock(elapsed))
        if self._total is not None and rate > 0 and self._done < self._total:
            parts.append(f"{_clock((self._total - self._done) / rate)} left")
        parts += [text for text in [self._note if note is None else note] if text]
        clear = "\x1b[K" if self._end == "\r" else ""  # an earlier line may have been longer
        self._stream.write(f"{self._label}: {', '.join(parts)}{clear}{end}")
        self._stream.flush()

    def _tick(self) -> None:
        """Show the line when nothing else has shown it for a while, until the work is finished."""
        while not self._finished.wait(self._clock_period / 2):
            with self._lock:
                innermost = bool(_ACTIVE) and _ACTIVE[-1] is self
                if innermost and not self._finished.is_set() and time.monotonic() - self._shown >= self._clock_period:
                    self._show(self._end)

    def __enter__(self) -> Self:
        restart_clock()
        _ACTIVE.append(self)
        threading.Thread(target=self._tick, name=f"progress of {self._label}", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finished.set()
        _ACTIVE.remove(self)
        with self._lock:
            if self._final and (self._done > self._initial or kind is None):
                self._show("\n", "" if kind is None else "stopped")


_ACTIVE: Final[list[Progress]] = []  # nested work, the innermost last; only that one shows the clock
_last_work = time.monotonic()  # when this process last finished a piece of any work, or started another one
_pieces = 0


_TOKENS: Final[Counter[str]] = Counter()  # by label, of all work of this process


def token_counts() -> dict[str, int]:
    """Tokens that this process has counted so far, by the label of the work."""
    return dict(_TOKENS)


def note_work() -> None:
    """Record that a piece of work was finished just now. ``Progress`` does so itself; long work without one calls
    it."""
    global _pieces
    _pieces += 1
    restart_clock()


def restart_clock() -> None:
    """Let ``idle_s`` count from now, because other work begins."""
    global _last_work
    _last_work = time.monotonic()


def pieces_of_work() -> int:
    """How many pieces of work this process has noted."""
    return _pieces


def idle_s() -> float:
    """Seconds since this process last finished a piece of any work, or started another one."""
    return time.monotonic() - _last_work


def outermost() -> ProgressSnapshot | None:
    """The counts of the outermost work that is under way, or None. Any thread may ask."""
    active = list(_ACTIVE)
    return active[0].snapshot() if active else None


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
