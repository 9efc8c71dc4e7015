"""Reward term ``error-location``: a penalty where an error happened.

`RLTF <https://arxiv.org/abs/2307.04349>`_ (the classes of its published ``program_feedback.py``) divides errors into
three classes. The penalty of an error with a line stands at that line's step. That of a global error is spread over
all steps. The other errors say nothing about a place, and neither does a wrong answer.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from prlcoder.executor.verdicts import Verdict
from prlcoder.training.rewards.context import RewardContext
from prlcoder.training.rollouts import Rollout, RolloutOutcome

PENALTY: Final = -1.0


class ErrorPlace(StrEnum):
    """What an error says about the place of its cause."""

    LINE = "line"
    GLOBAL = "global"
    UNKNOWN = "unknown"


_GLOBAL_ERRORS: Final = frozenset({"RecursionError", "memory", "MemoryError"})
# A bare RuntimeError comes from the interpreter or a library; the line that raised it is seldom the cause. RLTF does
# not use it. The others end a program without an exception, or at a place that is not the cause.
_UNPLACED_ERRORS: Final = frozenset({"RuntimeError", "output_limit", "unanswered", "TabError", "IndentationError"})


def error_place(outcome: RolloutOutcome, program_lines: int) -> ErrorPlace:
    """The class of the error. ``program_lines`` is the program's number of lines.

    A syntax error in the last line means that the program was cut or never closed, so it is global.
    """
    if outcome.verdict in (Verdict.PASSED, Verdict.WRONG_ANSWER):
        return ErrorPlace.UNKNOWN
    if outcome.verdict is Verdict.TIMEOUT or outcome.reason in _GLOBAL_ERRORS:
        return ErrorPlace.GLOBAL
    if outcome.error_line is None or outcome.reason in _UNPLACED_ERRORS:
        return ErrorPlace.UNKNOWN
    if outcome.verdict is Verdict.COMPILE_ERROR and outcome.error_line >= program_lines:
        return ErrorPlace.GLOBAL
    return ErrorPlace.LINE


def steps(rollout: Rollout, context: RewardContext) -> tuple[float | None, ...]:
    """The penalty of each segment, ``(S,)``: -1 at the one with the error's line, -1 / k at each of k steps for a
    global error, None elsewhere. A program without segments has no place for a penalty."""
    none: tuple[float | None, ...] = (None,) * len(rollout.segments)
    place = error_place(rollout.outcome, len(rollout.program.splitlines()))
    written = rollout.written_steps
    if place is ErrorPlace.GLOBAL:
        return tuple(PENALTY / len(written) if step in written else None for step in range(len(none)))
    step = segment_at_line(rollout, rollout.outcome.error_line) if place is ErrorPlace.LINE else None
    return none if step is None else (*none[:step], PENALTY, *none[step + 1 :])


def segment_at_line(rollout: Rollout, line: int | None) -> int | None:
    """Index of the segment that contains a 1-based line of the program; None if there is no such segment."""
    if line is None or line < 1:
        return None
    first = 1
    for number, segment in enumerate(rollout.segments):
        last = first + segment.text.count("\n") - (1 if segment.text.endswith("\n") else 0)
        if line <= last:
            return number
        first = last + 1
    return None
