"""Checkpoints of a training by reinforcement learning: what the next update needs, and nothing else.

Orders, samples and learning rates are functions of the seed and the number of the update, so a checkpoint holds
weights, optimisers and the number of finished updates, and no state of a random generator.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import torch

from prlcoder.errors import WorkError
from prlcoder.files import atomic_output
from prlcoder.stages.checkpoints import checkpoint_saved
from prlcoder.training.loop.checkpoints import LATEST, latest_checkpoint
from prlcoder.training.loop.trainer import MAX_CHECKPOINTS

STATE_FILE: Final = "state.pt"


def save_state(work: Path, update: int, state: Mapping[str, Any]) -> None:
    """Write the checkpoint after ``update`` updates. ``LATEST`` names it once it is complete; the engine is told."""
    folder, temporary = work / f"checkpoint-{update}", work / f".checkpoint-{update}.{os.getpid()}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    with (temporary / STATE_FILE).open("wb") as file:
        torch.save(dict(state), file)
        file.flush()
        os.fsync(file.fileno())
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier attempt that was killed before it wrote LATEST
    temporary.rename(folder)
    with atomic_output(work / LATEST) as pointer:
        pointer.write(f"{folder.name}\n")
    for old in sorted(_checkpoints(work))[:-MAX_CHECKPOINTS]:
        shutil.rmtree(work / f"checkpoint-{old}", ignore_errors=True)
    for unfinished in work.glob(".checkpoint-*.tmp"):
        shutil.rmtree(unfinished, ignore_errors=True)
    checkpoint_saved(folder.name)


def load_state(work: Path) -> dict[str, Any] | None:
    """The newest complete checkpoint, on the CPU; None if there is none. ``WorkError`` if it cannot be read."""
    folder = latest_checkpoint(work)
    if folder is None:
        return None
    path = Path(folder) / STATE_FILE
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError) as error:
        raise WorkError(f"{path}: cannot be read ({error}); remove {work} to train from the start") from error
    return state


def _checkpoints(work: Path) -> Iterator[int]:
    return (int(path.name.partition("-")[2]) for path in work.glob("checkpoint-*"))
