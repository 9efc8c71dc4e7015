"""The tables of operations: their numbers, what each computes (worked out by hand), what each bug is."""

from __future__ import annotations

import io
import tokenize
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from prlcoder.problems.nano.draw import Draw
from prlcoder.problems.nano.operation import (
    NO_CONSTANT,
    OFTEN,
    SELDOM,
    SOMETIMES,
    Operation,
    OperationStep,
    TextReplacement,
)
from prlcoder.problems.nano.reducers import REDUCERS
from prlcoder.problems.nano.task import Task, answers, draw_inputs
from prlcoder.problems.nano.transforms import TRANSFORMS

OPERATIONS = {operation.name: operation for operation in (*TRANSFORMS, *REDUCERS)}
ITEMS = [3, -2, 8, 3, 5, -6]

AFTER: dict[str, tuple[int, Any]] = {  # constant, and what the operation makes of ITEMS
    "keep_above": (3, [8, 5]),
    "keep_below": (3, [-2, -6]),
    "keep_at_least": (3, [3, 8, 3, 5]),
    "keep_at_most": (3, [3, -2, 3, -6]),
    "keep_even": (0, [-2, 8, -6]),
    "keep_odd": (0, [3, 3, 5]),
    "keep_multiples": (3, [3, 3, -6]),
    "add": (4, [7, 2, 12, 7, 9, -2]),
    "subtract": (4, [-1, -6, 4, -1, 1, -10]),
    "multiply": (3, [9, -6, 24, 9, 15, -18]),
    "square": (0, [9, 4, 64, 9, 25, 36]),
    "negate": (0, [-3, 2, -8, -3, -5, 6]),
    "drop_front": (2, [8, 3, 5, -6]),
    "drop_back": (2, [3, -2, 8, 3]),
    "take_front": (2, [3, -2]),
    "take_back": (2, [5, -6]),
    "reverse": (0, [-6, 5, 3, 8, -2, 3]),
    "sort_ascending": (0, [-6, -2, 3, 3, 5, 8]),
    "sort_descending": (0, [8, 5, 3, 3, -2, -6]),
    "every_second": (0, [3, 8, 5]),
    "running_sums": (0, [3, 1, 9, 12, 17, 11]),
    "differences": (0, [-5, 10, -5, 2, -11]),
    "raise_below": (4, [4, 4, 8, 4, 5, 4]),
    "cap_above": (4, [3, -2, 4, 3, 4, -6]),
    "distinct": (0, [3, -2, 8, 5, -6]),
    "double_even": (0, [3, -4, 16, 3, 5, -12]),
    "halve_even": (0, [3, -1, 4, 3, 5, -3]),
    "sum": (0, 11),
    "product": (0, 4320),
    "maximum": (0, 8),
    "minimum": (0, -6),
    "length": (0, 6),
    "count_above": (3, 2),
    "count_below": (3, 2),
    "last": (0, -6),
    "first": (0, 3),
    "join": (0, "3--2-8-3-5--6"),
    "list": (0, ITEMS),
    "index_above": (4, 2),
    "alternating_sum": (0, 21),
}
OF_NOTHING = {
    "sum": 0,
    "product": 1,
    "maximum": 0,
    "minimum": 0,
    "length": 0,
    "count_above": 0,
    "count_below": 0,
    "last": -1,
    "first": -1,
    "join": "",
    "list": [],
    "index_above": -1,
    "alternating_sum": 0,
}


def single(operation: Operation, constant: int) -> Task:
    """The shortest task with this operation: a transform is followed by `return the list`."""
    step = OperationStep(operation, constant)
    return Task((step,) if operation in REDUCERS else (step, OperationStep(OPERATIONS["list"], 0)))


def run(program: str, inputs: Sequence[Sequence[int]]) -> list[str]:
    """What a whole program returns, or that it raises, for each input."""
    names: dict[str, Any] = {}
    exec(program, names)
    results = []
    for items in inputs:
        try:
            results.append(repr(names["f"](list(items))))
        except Exception as error:
            results.append(type(error).__name__)
    return results


def bugs() -> list[tuple[str, TextReplacement]]:
    return [(name, bug) for name, operation in OPERATIONS.items() for bug in operation.bugs]


def test_numbers_of_the_family() -> None:
    assert (len(TRANSFORMS), len(REDUCERS), len(OPERATIONS)) == (27, 13, 40)
    assert Counter(o.habit for o in OPERATIONS.values()) == {OFTEN: 10, SOMETIMES: 16, SELDOM: 14}
    assert all(2 <= len(o.bugs) <= 4 for o in OPERATIONS.values())
    assert len({o.clause for o in OPERATIONS.values()}) == len({o.code for o in OPERATIONS.values()}) == 40
    lines = [len(o.code.split("\n")) for o in TRANSFORMS]
    assert lines[:20] == [1] * 20
    assert all(3 <= count <= 5 for count in lines[20:])


def test_constants_stand_where_they_are_used() -> None:
    for operation in OPERATIONS.values():
        assert ("{c}" in operation.clause) == ("{c}" in operation.code) == (operation.constants != NO_CONSTANT)


def test_transforms_write_a_variable_and_reducers_return() -> None:
    assert all("{w} = " in o.code and "return" not in o.code for o in TRANSFORMS)
    assert all("{w}" not in o.code and o.code.split("\n")[-1].startswith("return ") for o in REDUCERS)


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_each_operation_computes_what_its_clause_says(name: str) -> None:
    constant, expected = AFTER[name]
    task = single(OPERATIONS[name], constant)
    assert list(answers(task, [ITEMS])) == [expected]
    assert list(answers(task, [[]])) == [OF_NOTHING.get(name, [])]
    assert run(task.program(), [ITEMS, []]) == [repr(expected), repr(OF_NOTHING.get(name, []))]


@pytest.mark.parametrize(("name", "bug"), bugs())
def test_each_bug_is_python_that_answers_wrongly_somewhere(name: str, bug: TextReplacement) -> None:
    operation = OPERATIONS[name]
    draw = Draw("bugs")
    inputs = [items for _ in range(5) for items in draw_inputs(draw)]
    constant = AFTER[name][0]
    task = single(operation, constant)
    wrong = task.program([bug] + [None] * (len(task.steps) - 1))
    assert run(wrong, inputs) != run(task.program(), inputs)


def test_bugs_of_one_operation_differ_from_each_other() -> None:
    for operation in OPERATIONS.values():
        step = OperationStep(operation, 3)
        assert len({step.code(0), *(step.code(0, bug) for bug in operation.bugs)}) == 1 + len(operation.bugs)


def test_an_edit_that_fits_two_places_is_refused() -> None:
    with pytest.raises(ValueError, match=r"operation twice: 'x' must occur once"):
        Operation("twice", "x", "{w} = [x for x in {v}]", (("x", "y"),), SELDOM)


def test_a_program_reads_as_documented_and_every_line_is_one_logical_line() -> None:
    chosen = [("keep_at_least", 4), ("running_sums", 0), ("product", 0)]
    task = Task(tuple(OperationStep(OPERATIONS[name], constant) for name, constant in chosen))
    assert task.statement == "# 1: keep items of at least 4\n# 2: take running sums\n# 3: return the product\n"
    assert task.program() == (
        "def f(v0):\n"
        "    v1 = [x for x in v0 if x >= 4]\n"
        "    v2 = []\n"
        "    total = 0\n"
        "    for x in v1:\n"
        "        total += x\n"
        "        v2.append(total)\n"
        "    total = 1\n"
        "    for x in v2:\n"
        "        total *= x\n"
        "    return total\n"
    )
    kinds = [token.type for token in tokenize.generate_tokens(io.StringIO(task.program()).readline)]
    assert kinds.count(tokenize.NEWLINE) == task.program().count("\n")
    assert tokenize.NL not in kinds
