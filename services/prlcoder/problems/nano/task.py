"""A task: a sequence of transforms and one reducer, which give its statement and its canonical program."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from prlcoder.problems.nano.draw import Draw
from prlcoder.problems.nano.operation import FAVOURITE_BUG_SHARE, Operation, OperationStep, TextReplacement
from prlcoder.problems.nano.reducers import REDUCERS
from prlcoder.problems.nano.transforms import TRANSFORMS

ENTRY_POINT = "f"
PROMPT = f"def {ENTRY_POINT}(v0):\n"

INPUTS_PER_TASK = 20
MAX_INPUT_LENGTH = 9
MIN_ITEM, MAX_ITEMS = -6, (6, 12, 20)  # each input list draws its maximum from the latter
MIN_DISTINCT_ANSWERS = 6  # with fewer, the tests of a task could not tell programs apart


@dataclass(frozen=True)
class Task:
    """The operations of a nano program. ``steps[i]`` computes ``v{i+1}`` from ``v{i}``; the last step returns."""

    steps: tuple[OperationStep, ...]

    @property
    def statement(self) -> str:
        """Numbered comment lines, one per step."""
        return "".join(f"# {number}: {step.clause()}\n" for number, step in enumerate(self.steps, start=1))

    def program(self, bugs: Sequence[TextReplacement | None] | None = None) -> str:
        """The whole program: canonical, or with one bug or None for each step."""
        edits = bugs if bugs is not None else [None] * len(self.steps)
        pairs = zip(self.steps, edits, strict=True)
        return PROMPT + "".join(step.code(position, bug) for position, (step, bug) in enumerate(pairs))


def draw_task(draw: Draw, transforms: int) -> Task:
    """A task of this many distinct transforms and one reducer, all equally likely."""
    chosen: list[Operation] = []
    while len(chosen) < transforms:
        operation = draw.pick(TRANSFORMS)
        if operation not in chosen:
            chosen.append(operation)
    chosen.append(draw.pick(REDUCERS))
    return Task(tuple(OperationStep(operation, draw.pick(operation.constants or (0,))) for operation in chosen))


def draw_bug(draw: Draw, operation: Operation) -> TextReplacement | None:
    """A bug with the operation's habitual probability, otherwise None. The first bug has 70 % of the draws."""
    if not draw.chance(operation.habit):
        return None
    favourite, *others = operation.bugs
    return favourite if draw.chance(FAVOURITE_BUG_SHARE) else draw.pick(others)


def draw_inputs(draw: Draw) -> list[list[int]]:
    """The empty list and 19 lists of 1 to 9 items, each list with its own highest value."""
    lists: list[list[int]] = [[]]
    while len(lists) < INPUTS_PER_TASK:
        length, highest = draw.between(1, MAX_INPUT_LENGTH), draw.pick(MAX_ITEMS)
        lists.append([draw.between(MIN_ITEM, highest) for _ in range(length)])
    return lists


def answers(task: Task, inputs: Iterable[Sequence[int]]) -> Iterator[Any]:
    """Yields the canonical program's result for each input. Each step is compiled once and applied in sequence."""
    functions = [_compiled(step) for step in task.steps]
    for items in inputs:
        value: Any = list(items)
        for function in functions:
            value = function(value)
        yield value


@cache
def _compiled(step: OperationStep) -> Callable[[Any], Any]:
    """One step as a function. It runs in this process, without a sandbox, because the code is from our own tables."""
    names: dict[str, Any] = {}
    ending = "    return v1\n" if step.operation in TRANSFORMS else ""
    exec(PROMPT + step.code(0) + ending, names)
    function: Callable[[Any], Any] = names[ENTRY_POINT]
    return function


def is_telling(results: Iterable[Any]) -> bool:
    """Whether there are enough distinct answers for tests to tell programs apart. Stops as soon as there are."""
    seen: set[str] = set()
    for result in results:
        seen.add(repr(result))
        if len(seen) == MIN_DISTINCT_ANSWERS:
            return True
    return False
