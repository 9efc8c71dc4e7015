"""The progress of a training on standard error."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from transformers import TrainerCallback

from prlcoder.telemetry.progress import Progress, note_work
from prlcoder.telemetry.training_figures import TrainingFigures, note_figures

LOGGED = {"loss": "loss", "grad_norm": "gradient_norm", "learning_rate": "learning_rate"}
"""Keys of transformers' log, and the names of these values in ``TrainingFigures``."""


class ShowProgress(TrainerCallback):  # type: ignore[misc]  # transformers has no types
    """Shows optimiser steps, tokens, their rates, time left and the latest loss, and tells them to the metrics.

    Tokens are those that this process has trained on, without padding.
    """

    def __init__(self, label: str) -> None:
        self._label, self._loss = label, ""
        self._tokens = self._samples = 0  # of the optimiser step in progress
        self._began = time.perf_counter()  # the optimiser step in progress
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
        """Count the tokens and the examples of the micro-batches of an optimiser step."""
        self._samples += sum(_examples(batch, pad) for batch in batches)
        self._tokens += sum(int((batch["input_ids"] != pad).sum()) for batch in batches)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called before the first step."""
        if state.is_world_process_zero:
            self._progress = Progress(self._label, total=state.max_steps, unit="steps", done=state.global_step)
            self._progress.__enter__()
        self._began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called after each optimiser step."""
        note_work()  # also on the ranks that show nothing
        tokens, samples, self._tokens, self._samples = self._tokens, self._samples, 0, 0
        began, self._began = self._began, time.perf_counter()
        seconds = {"update": self._began - began}
        note_figures(TrainingFigures(steps=1, tokens=tokens, samples=samples, seconds=seconds))
        if self._progress is not None:
            self._progress.advance(note=self._loss, tokens=tokens)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **kwargs: Any) -> None:
        """Called with each entry of the log."""
        if "loss" in logs:
            self._loss = f"loss {float(logs['loss']):.4f}"
        values = {name: float(logs[key]) for key, name in LOGGED.items() if key in logs}
        note_figures(TrainingFigures(values=values))


def _examples(batch: Mapping[str, Any], pad: int | None) -> int:
    """The sequences of a micro-batch, or its rows if they are tries.

    Sequences of packed rows begin where the positions restart at 0. So does the padding behind them.
    """
    ids, positions = batch["input_ids"], batch.get("position_ids")
    return len(ids) if positions is None or "ends" in batch else int(((positions == 0) & (ids != pad)).sum())
