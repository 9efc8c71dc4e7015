"""The training checkpoints of one job: which one is the newest complete one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from transformers import TrainerCallback

from prlcoder.files import atomic_output
from prlcoder.stages.checkpoints import checkpoint_saved

LATEST: Final = "LATEST"  # the file that names the newest complete checkpoint


def latest_checkpoint(work: Path) -> str | None:
    """The newest complete checkpoint in ``work``, or None."""
    pointer = work / LATEST
    return str(work / pointer.read_text().strip()) if pointer.exists() else None


class PointAtLatest(TrainerCallback):  # type: ignore[misc]  # transformers has no types
    """Writes the name of a checkpoint to ``LATEST`` once all its files exist, and tells the engine."""

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called after a checkpoint was saved."""
        if state.is_world_process_zero:
            with atomic_output(Path(args.output_dir) / LATEST) as pointer:
                pointer.write(f"checkpoint-{state.global_step}\n")
            checkpoint_saved(f"checkpoint-{state.global_step}")
