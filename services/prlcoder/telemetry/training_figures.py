"""Figures of a training in progress, told to whoever wants them: on a cluster, to the metrics of the stage's process.

A training calls ``note_figures`` after each optimiser step or update. Where nobody listens, as on one machine, the call
does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, kw_only=True)
class TrainingFigures:
    """What a training has done since it last told, and how it is.

    ``tokens`` and ``samples`` are those that were read or sampled since then, ``seconds`` is the time by phase, and
    ``dropped`` are the programs that were not trained on, by reason. ``values`` are the newest figures by the keys of
    ``training_metrics.VALUES``. ``rewards`` maps a component to its mean and its standard deviation over programs.
    ``alarms`` are those that are active now; None if the training has no alarms.
    """

    steps: int = 0
    tokens: int = 0
    samples: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    rewards: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    alarms: Sequence[str] | None = None


FiguresListener = Callable[[TrainingFigures], None]
_LISTENERS: Final[list[FiguresListener]] = []


def note_figures(figures: TrainingFigures) -> None:
    """Tell every listener."""
    for listener in tuple(_LISTENERS):
        listener(figures)


@contextmanager
def figures_heard(listener: FiguresListener) -> Iterator[None]:
    """Call ``listener`` with all figures that are told within the block."""
    _LISTENERS.append(listener)
    try:
        yield
    finally:
        _LISTENERS.remove(listener)
