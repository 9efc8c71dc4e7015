"""The progress of a training on standard error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from transformers import TrainerCallback

from prlcoder.telemetry.progress import Progress, note_work


class ShowProgress(TrainerCallback):  # type: ignore[misc]  # transformers has no types
    """Shows optimiser steps, tokens, their rates, time left and the latest loss.

    Tokens are those that this process has trained on, without padding.
    """

    def __init__(self, label: str) -> None:
        self._label, self._loss = label, ""
        self._tokens = 0  # of the optimiser step in progress
        self._progress: Progress | None = None

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Within the block the progress is shown; an exception ends it as well."""
        try:
            yield
        except BaseException as error:
            self._finish(error)
            raise
        self._finish(None)

    def _finish(self, error: BaseException | None) -> None:
        progress, self._progress = self._progress, None
        if progress is not None:
            progress.__exit__(None if error is None else type(error), error, None)

    def count(self, batches: Sequence[Mapping[str, Any]], pad: int | None) -> None:
        """Count the tokens of the micro-batches of an optimiser step."""
        self._tokens += sum(int((batch["input_ids"] != pad).sum()) for batch in batches)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called before the first step."""
        if state.is_world_process_zero:
            self._progress = Progress(self._label, total=state.max_steps, unit="steps", done=state.global_step)
            self._progress.__enter__()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called after each optimiser step."""
        note_work()  # also on the ranks that show nothing
        tokens, self._tokens = self._tokens, 0
        if self._progress is not None:
            self._progress.advance(note=self._loss, tokens=tokens)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **kwargs: Any) -> None:
        """Called with each entry of the log."""
        if "loss" in logs:
            self._loss = f"loss {float(logs['loss']):.4f}"
