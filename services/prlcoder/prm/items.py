"""What a reward model is asked about one program, and what it answers. Pure: no tensors, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prlcoder.errors import InputError

if TYPE_CHECKING:
    from prlcoder.problems.prompts import Prompt


class ItemError(InputError):
    """One item cannot be scored; the others of its batch can."""


class TooLongError(ItemError, ValueError):
    """The program, its prompt included, has more tokens than the model's context."""

    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(f"a program of {tokens} tokens is longer than the model's {limit}; score a shorter one")
        self._given = (tokens, limit)

    def __reduce__(self) -> tuple[type[TooLongError], tuple[int, int]]:
        """An exception is pickled with its message alone otherwise."""
        return type(self), self._given


@dataclass(frozen=True)
class StepSpan:
    """A step: ``program[start:end]``, code points, half-open."""

    start: int
    end: int


@dataclass(frozen=True)
class ProgramToScore:
    """A program after its prompt (whole, or its beginning up to the end of a step), and the steps to score."""

    prompt: Prompt
    program: str
    steps: tuple[StepSpan, ...]


@dataclass(frozen=True)
class StepScore:
    """The model's belief that the program is right up to and including one step.

    ``start`` and ``end`` are the step's code-point offsets in the program; ``logit`` is the log-odds of "chosen" and
    ``probability`` its sigmoid, which is the softmax over the two classes (contracts, section 6).
    """

    start: int
    end: int
    probability: float
    logit: float


@dataclass(frozen=True)
class ProgramScores:
    """One item's scores and the version of the weights that gave them."""

    steps: list[StepScore]
    weights_version: int


def concatenated(steps: Sequence[str]) -> tuple[str, tuple[StepSpan, ...]]:
    """The program that step texts make, and where each of them is.

    >>> concatenated(["a = 1\\n", "b = a\\n"])
    ('a = 1\\nb = a\\n', (Span(start=0, end=6), Span(start=6, end=12)))
    """
    spans, start = [], 0
    for text in steps:
        spans.append(StepSpan(start, start + len(text)))
        start += len(text)
    return "".join(steps), tuple(spans)


def check(item: ProgramToScore) -> None:
    """``ItemError`` for steps that are not in the program, and for a program that does not begin as its prompt says."""
    for number, step in enumerate(item.steps):
        if not 0 <= step.start < step.end <= len(item.program):
            raise ItemError(
                f"steps[{number}]: [{step.start}, {step.end}) is not a part of a program of {len(item.program)} "
                "characters; offsets are code points, half-open, and a step is not empty"
            )
    if not item.program.startswith(item.prompt.given):
        raise ItemError("program: does not begin with the code that the problem gives; send the whole program")
