"""Ctrl-C and SIGTERM end a run between two writes, never inside one.

The first signal raises ``Stopped`` where the work allows it, at once while a stage runs and else at its next start;
the second one kills, which is always safe as well: a run survives SIGKILL at any moment.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stopped(KeyboardInterrupt):
    """The user or the system asked the run to stop. ``exit_code`` is the shell's: 128 + signal."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum


class Stopping:
    """Turns the two signals into ``Stopped`` while one is inside ``allowed()``. Main thread only."""

    def __init__(self) -> None:
        self._pending: int | None = None
        self._allowed = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals over for the block, and give them back after it."""
        previous = {signum: signal.signal(signum, self._handle) for signum in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for signum, handler in previous.items():
                signal.signal(signum, handler)

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """A block that a signal may end with ``Stopped`` anywhere inside."""
        self._allowed = True
        try:
            if self._pending is not None:
                raise Stopped(self._pending)
            yield
        finally:
            self._allowed = False

    def _handle(self, signum: int, _frame: FrameType | None) -> None:
        for either in (signal.SIGINT, signal.SIGTERM):
            signal.signal(either, signal.SIG_DFL)
        self._pending = signum
        if self._allowed:
            raise Stopped(signum)
