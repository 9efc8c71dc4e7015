"""Stops a training on SIGTERM or Ctrl-C, with a checkpoint."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from transformers import TrainerCallback

from prlcoder.signals import stop_signals_handled


class StopOnSignal(TrainerCallback):  # type: ignore[misc]  # transformers has no types
    """On SIGTERM or SIGINT: finish the optimiser step, save a checkpoint, stop. A second signal acts at once."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._restore: Callable[[], None] | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle both signals within the block and restore the previous handlers after it."""
        if threading.current_thread() is not threading.main_thread():
            yield  # Python lets only the main thread set signal handlers
            return
        with stop_signals_handled(self._receive) as self._restore:
            yield

    def _receive(self, number: int) -> None:
        if self.received is not None and self._restore is not None:
            self._restore()
            signal.raise_signal(number)
        self.received = signal.Signals(number)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called after each optimiser step."""
        if self.received is not None:
            control.should_save = control.should_training_stop = True
