"""A task: transforms and one reducer in a row, which decide its statement and its canonical program."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from prlcoder.problems.nano.draw import Draw
from prlcoder.problems.nano.operation import FAVOURITE, Operation, OperationStep, TextReplacement
from prlcoder.problems.nano.reducers import REDUCERS
from prlcoder.problems.nano.transforms import TRANSFORMS

ENTRY_POINT = "f"
PROMPT = f"def {ENTRY_POINT}(v0):\n"

INPUTS = 20
LONGEST = 9
LOWEST, HIGHEST = -6, (6, 12, 20)
DISTINCT = 6  # a task is worth posing if its canonical program gives at least this many different answers


@dataclass(frozen=True)
class Task:
    """What a nano program has to do. ``steps[i]`` writes ``v{i+1}`` from ``v{i}``; the last one returns."""

    steps: tuple[OperationStep, ...]

    @property
    def statement(self) -> str:
        """Numbered comment lines, one a step."""
        return "".join(f"# {number}: {step.clause()}\n" for number, step in enumerate(self.steps, start=1))

    def program(self, bugs: Sequence[TextReplacement | None] | None = None) -> str:
        """The whole program, canonical or with a bug (or None) for each step."""
        edits = bugs if bugs is not None else [None] * len(self.steps)
        pairs = zip(self.steps, edits, strict=True)
        return PROMPT + "".join(step.code(position, bug) for position, (step, bug) in enumerate(pairs))


def draw_task(draw: Draw, transforms: int) -> Task:
    """A task of this many different transforms and one reducer, each equally likely."""
    chosen: list[Operation] = []
    while len(chosen) < transforms:
        operation = draw.pick(TRANSFORMS)
        if operation not in chosen:
            chosen.append(operation)
    chosen.append(draw.pick(REDUCERS))
    return Task(tuple(OperationStep(operation, draw.pick(operation.constants or (0,))) for operation in chosen))


def draw_bug(draw: Draw, operation: Operation) -> TextReplacement | None:
    """A bug with the operation's habitual probability, the favourite more often than all others together."""
    if not draw.chance(operation.habit):
        return None
    favourite, *others = operation.bugs
    return favourite if draw.chance(FAVOURITE) else draw.pick(others)


def draw_inputs(draw: Draw) -> list[list[int]]:
    """The empty list and 19 lists of 1 to 9 items, each list with its own highest value."""
    lists: list[list[int]] = [[]]
    while len(lists) < INPUTS:
        length, highest = draw.between(1, LONGEST), draw.pick(HIGHEST)
        lists.append([draw.between(LOWEST, highest) for _ in range(length)])
    return lists


def answers(task: Task, inputs: Iterable[Sequence[int]]) -> Iterator[Any]:
    """What the canonical program returns for each input, one by one: its steps, each compiled once, in a row."""
    functions = [_compiled(step) for step in task.steps]
    for items in inputs:
        value: Any = list(items)
        for function in functions:
            value = function(value)
        yield value


@cache
def _compiled(step: OperationStep) -> Callable[[Any], Any]:
    """One step as a function by itself. It runs right here: the code is from our own tables, nobody else's."""
    names: dict[str, Any] = {}
    ending = "    return v1\n" if step.operation in TRANSFORMS else ""
    exec(PROMPT + step.code(0) + ending, names)
    function: Callable[[Any], Any] = names[ENTRY_POINT]
    return function


def is_telling(results: Iterable[Any]) -> bool:
    """Whether these answers differ enough for tests made of them to tell programs apart. Stops when that is sure."""
    seen: set[str] = set()
    for result in results:
        seen.add(repr(result))
        if len(seen) == DISTINCT:
            return True
    return False
