"""The nano problems: train, validation and test, disjoint by statement and by solution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prlcoder.errors import InputError
from prlcoder.problems.model import CallTest, CallTests, Comparison, Problem
from prlcoder.problems.nano.draw import Draw
from prlcoder.problems.nano.heldout import HeldOut
from prlcoder.problems.nano.task import ENTRY_POINT, PROMPT, answers, draw_inputs, draw_task, is_telling

if TYPE_CHECKING:
    from prlcoder.spec import NanoSuite

LEVELS = {"easy": (1, 1), "medium": (2, 2), "hard": (3, 4)}  # minimum and maximum number of transforms
SEEDS = {"train": 101, "validation": 102, "test": 103}
MAX_ATTEMPTS = 2000  # draws of one problem before the family counts as exhausted (the default suite needs 10)


def problems(sizes: NanoSuite) -> Iterator[Problem]:
    """Yields all problems of a suite: train, then validation, then test; levels alternate.

    Equal sizes give equal problems. The test problems are drawn first, then validation, then train, and each draw skips
    problems that exist already. So the test problems do not depend on the other sizes, and a smaller test split is a
    prefix of a larger one. ``InputError`` if the family has no more problems of a level.
    """
    taken = HeldOut()
    test = [_problem("test", index, taken) for index in range(sizes.test)]
    validation = [_problem("validation", index, taken) for index in range(sizes.validation)]
    train = [_problem("train", index, taken) for index in range(sizes.train)]
    yield from train
    yield from validation
    yield from test


def _problem(split: str, index: int, taken: HeldOut) -> Problem:
    """Problem ``index`` (from 0) of a split. It is added to ``taken``."""
    level = list(LEVELS)[index % len(LEVELS)]
    draw = Draw(f"nano {SEEDS[split]} {index}")
    for _ in range(MAX_ATTEMPTS):
        task = draw_task(draw, draw.between(*LEVELS[level]))
        statement, program = task.statement, task.program()
        inputs = draw_inputs(draw)
        if taken.holds_statement(statement) or taken.holds_program(program):
            continue
        results = list(answers(task, inputs))
        if is_telling(results):
            break
    else:
        raise InputError(
            f"problems.nano.{split}: the nano family has no more {level} problems after {index}; ask for fewer"
        )
    cases = tuple(CallTest((items,), {}, result) for items, result in zip(inputs, results, strict=True))
    problem = Problem(
        id=f"nano/{split}/{index + 1:04d}",
        statement=statement,
        tests=CallTests(ENTRY_POINT, cases, Comparison.STRICT),
        solutions=(program,),
        prompt=PROMPT,
        difficulty=level,
        split=split,
        source="nano",
        meta={"operations": [step.operation.name for step in task.steps]},
    )
    taken.add(problem)
    return problem
