"""Scores of programs that are computed while other programs are still being sampled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self

from prlcoder.training.rl.scoring import ProgramKey, ProgramScore

PROGRAMS_TOGETHER: Final = 32  # fewer would leave the reward model's batches small, more would let it wait

ScorePrograms = Callable[[Sequence[ProgramKey]], Mapping[ProgramKey, ProgramScore]]


class EarlyScores:
    """Calls ``score`` on a thread of its own, ``PROGRAMS_TOGETHER`` programs at a time, within a ``with`` block."""

    def __init__(self, score: ScorePrograms) -> None:
        self._score = score
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="scores")
        self._asked: set[ProgramKey] = set()
        self._waiting: list[ProgramKey] = []
        self._calls: list[Future[Mapping[ProgramKey, ProgramScore]]] = []

    def add(self, key: ProgramKey) -> None:
        """Have a program scored, if it is a new one."""
        if key in self._asked:
            return
        self._asked.add(key)
        self._waiting.append(key)
        if len(self._waiting) >= PROGRAMS_TOGETHER:
            self._submit()

    def all(self) -> dict[ProgramKey, ProgramScore]:
        """The scores of all programs, or the exception that ``score`` has raised."""
        if self._waiting:
            self._submit()
        return {key: score for call in self._calls for key, score in call.result().items()}

    def _submit(self) -> None:
        self._calls.append(self._thread.submit(self._score, tuple(self._waiting)))
        self._waiting.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)
