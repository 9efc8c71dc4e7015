"""Keeps the weights of the epoch with the best validation score, across restarts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from prlcoder.files import atomic_path, write_json

WEIGHTS: Final = "best.safetensors"
SCORE: Final = "best.json"


class KeepBest(TrainerCallback):  # type: ignore[misc]
    """Measures the model after every epoch and keeps the trained weights of the best one in ``folder``.

    ``measure`` returns a score, or None if it cannot be computed. Of equal scores the earlier one wins. The files
    survive a kill: a resumed training goes on comparing with them, and measures a repeated epoch as before.
    """

    def __init__(self, folder: Path, measure: Callable[[], float | None]) -> None:
        self._folder, self._measure = folder, measure

    def on_epoch_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Called after each epoch, and also when a signal has ended training in the middle of one."""
        whole_epoch = state.epoch is not None and abs(state.epoch - round(state.epoch)) < 1e-6
        if not whole_epoch and state.global_step < state.max_steps:
            return
        score = self._measure()
        best = self.best
        if score is None or (best is not None and score <= best["score"]):
            return
        if state.is_world_process_zero:
            with atomic_path(self._folder / WEIGHTS) as path:
                save_file(_trained(model), path)
            write_json(self._folder / SCORE, {"score": score, "epoch": state.epoch, "step": state.global_step})

    @property
    def best(self) -> dict[str, Any] | None:
        """``score``, ``epoch`` and ``step`` of the best epoch so far; None before the first."""
        path = self._folder / SCORE
        return dict(json.loads(path.read_text())) if path.exists() else None

    def restore(self, model: Any) -> None:
        """Load the best weights into the model, if there are any."""
        if self.best is not None:
            model.load_state_dict(load_file(self._folder / WEIGHTS), strict=False)


def _trained(model: Any) -> dict[str, Any]:
    """The weights that training changes. With adapters these are few."""
    whole = getattr(model, "module", model)
    return {
        name: weight.detach().cpu().contiguous() for name, weight in whole.named_parameters() if weight.requires_grad
    }
