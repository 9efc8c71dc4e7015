"""The progress of a training on standard error."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

from prlcoder.telemetry.progress import Progress


class ShowProgress(TrainerCallback):  # type: ignore[misc]
    """Shows optimiser steps, rate, time left and the latest loss on standard error."""

    def __init__(self, label: str) -> None:
        self._label, self._loss = label, ""
        self._progress: Progress | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called before the first step."""
        if state.is_world_process_zero:
            self._progress = Progress(self._label, total=state.max_steps, unit="steps", done=state.global_step)
            self._progress.__enter__()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called after each optimiser step."""
        if self._progress is not None:
            self._progress.advance(note=self._loss)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **kwargs: Any) -> None:
        """Called with each entry of the log."""
        if "loss" in logs:
            self._loss = f"loss {float(logs['loss']):.4f}"

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called after the last step."""
        if self._progress is not None:
            self._progress.__exit__(None, None, None)
