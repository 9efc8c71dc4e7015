"""Signals that end work: SIGTERM, Ctrl-C (SIGINT), and the end of a parent process."""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_PR_SET_PDEATHSIG: Final = 1  # from <linux/prctl.h>


@contextmanager
def stop_signals_handled(handle: Callable[[int], object]) -> Iterator[Callable[[], None]]:
    """Call ``handle`` with the signal's number for SIGINT and SIGTERM within the block. Main thread only.

    Yields a function that puts the former handlers back; the end of the block does so too.
    """

    def handler(signum: int, _frame: FrameType | None) -> None:
        handle(signum)

    former = {signum: signal.signal(signum, handler) for signum in STOP_SIGNALS}

    def give_back() -> None:
        for signum, previous in former.items():
            signal.signal(signum, previous)

    try:
        yield give_back
    finally:
        give_back()


def restore_default_handlers() -> None:
    """Let the next SIGINT or SIGTERM end the process at once."""
    for signum in STOP_SIGNALS:
        signal.signal(signum, signal.SIG_DFL)


def end_with_parent(signum: int) -> None:
    """Ask the kernel to send ``signum`` to this process when its parent ends, however the parent ends. Linux only.

    For a child process to call. A child that the parent no longer waits for would otherwise run on by itself.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signum)


class Stopped(KeyboardInterrupt):
    """The user or the system asked the run to stop. ``exit_code`` is the shell's: 128 + signal."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum


class Stopping:
    """Ends a run between two writes, never inside one.

    The first signal raises ``Stopped`` inside ``allowed()``: at once while a stage runs, otherwise when the next stage
    starts. The second signal kills the process, which is safe too, because a run survives SIGKILL at any moment.
    """

    def __init__(self) -> None:
        self._pending: int | None = None
        self._allowed = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle both signals within the block. Main thread only."""
        with stop_signals_handled(self._handle):
            yield

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """A block that a signal may end with ``Stopped`` at any point."""
        self._allowed = True
        try:
            if self._pending is not None:
                raise Stopped(self._pending)
            yield
        finally:
            self._allowed = False

    def _handle(self, signum: int) -> None:
        restore_default_handlers()
        self._pending = signum
        if self._allowed:
            raise Stopped(signum)
