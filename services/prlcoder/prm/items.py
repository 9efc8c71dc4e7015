"""Requests to a reward model and its answers. This module is pure: it uses no tensors and does no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prlcoder.errors import InputError

if TYPE_CHECKING:
    from prlcoder.problems.prompts import Prompt


class ItemError(InputError):
    """An item that cannot be scored. The other items of its batch still can."""


class TooLongError(ItemError, ValueError):
    """A program that has, together with its prompt, more tokens than the model's context."""

    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(f"a program of {tokens} tokens is longer than the model's {limit}; score a shorter one")
        self._given = (tokens, limit)

    def __reduce__(self) -> tuple[type[TooLongError], tuple[int, int]]:
        """Pickle the constructor's arguments; by default an exception is pickled with its message only."""
        return type(self), self._given


@dataclass(frozen=True)
class StepSpan:
    """One step, ``program[start:end]``: a half-open range of code points."""

    start: int
    end: int


@dataclass(frozen=True)
class ProgramToScore:
    """A program that follows its prompt, and the steps to score. The program may stop after any step."""

    prompt: Prompt
    program: str
    steps: tuple[StepSpan, ...]


@dataclass(frozen=True)
class StepScore:
    """The probability that the program is right up to and including one step.

    ``start`` and ``end`` are the step's code-point offsets in the program; ``logit`` is the log-odds of "chosen" and
    ``probability`` its sigmoid, which is the softmax over the two classes
    (``docs/reference/contracts.md#6``).
    """

    start: int
    end: int
    probability: float
    logit: float


@dataclass(frozen=True)
class ProgramScores:
    """The scores of one item and the version of the weights that computed them."""

    steps: list[StepScore]
    weights_version: int


def concatenated(steps: Sequence[str]) -> tuple[str, tuple[StepSpan, ...]]:
    """Joins step texts into a program; returns it with the span of each step.

    >>> concatenated(["a = 1\\n", "b = a\\n"])
    ('a = 1\\nb = a\\n', (StepSpan(start=0, end=6), StepSpan(start=6, end=12)))
    """
    spans, start = [], 0
    for text in steps:
        spans.append(StepSpan(start, start + len(text)))
        start += len(text)
    return "".join(steps), tuple(spans)


def check(item: ProgramToScore) -> None:
    """Raises ``ItemError`` if a step lies outside the program or the program does not begin with the given code."""
    for number, step in enumerate(item.steps):
        if not 0 <= step.start < step.end <= len(item.program):
            raise ItemError(
                f"steps[{number}]: [{step.start}, {step.end}) is not a part of a program of {len(item.program)} "
                "characters; offsets are code points, half-open, and a step is not empty"
            )
    if not item.program.startswith(item.prompt.given):
        raise ItemError("program: does not begin with the code that the problem gives; send the whole program")
