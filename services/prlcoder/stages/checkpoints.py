"""Tells the engine when a stage has saved what it would resume from: a checkpoint, a shard, a piece of an evaluation.

The engine then copies the work folder to an object store, and names the checkpoint in the run's status. A stage calls
``checkpoint_saved`` at a moment at which its work folder is consistent and nothing is being written there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

CheckpointListener = Callable[[str], None]

_LISTENERS: Final[list[CheckpointListener]] = []


def checkpoint_saved(name: str) -> None:
    """Tell every listener that the checkpoint ``name`` is complete. The listeners run before this returns."""
    for listener in tuple(_LISTENERS):
        listener(name)


@contextmanager
def checkpoints_heard(listener: CheckpointListener) -> Iterator[None]:
    """Call ``listener`` for every checkpoint that a stage saves within the block."""
    _LISTENERS.append(listener)
    try:
        yield
    finally:
        _LISTENERS.remove(listener)
