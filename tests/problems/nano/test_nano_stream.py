"""The pre-training stream: never a held-out problem, and as many bugs as the recipe measured with."""

from __future__ import annotations

import ast
from dataclasses import replace
from itertools import islice
from math import sqrt
from typing import Any

import pytest

from prlcoder.problems.model import CallTests, Problem
from prlcoder.problems.nano import suite
from prlcoder.problems.nano.draw import Draw
from prlcoder.problems.nano.heldout import normalised_program, normalised_statement
from prlcoder.problems.nano.operation import FAVOURITE_BUG_SHARE, Operation, OperationStep
from prlcoder.problems.nano.reducers import REDUCERS
from prlcoder.problems.nano.stream import StreamProgram, stream
from prlcoder.problems.nano.task import Task, draw_bug
from prlcoder.problems.nano.transforms import TRANSFORMS
from prlcoder.spec import NanoSuite

OPERATIONS = {operation.name: operation for operation in (*TRANSFORMS, *REDUCERS)}
SIZE = 22_000  # the recipe's


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    return list(suite.problems(NanoSuite()))


@pytest.fixture(scope="module")
def programs(problems: list[Problem]) -> list[StreamProgram]:
    return list(stream(SIZE, seed=0, exclude=problems))


def steps(problem: Problem) -> list[OperationStep]:
    """The steps of a suite's problem, read back from its statement."""
    clauses = [line.split(": ", 1)[1] for line in problem.statement.splitlines()]
    operations = [OPERATIONS[name] for name in problem.meta["operations"]]
    return [
        next(step for constant in o.constants or (0,) if (step := OperationStep(o, constant)).clause() == clause)
        for o, clause in zip(operations, clauses, strict=True)
    ]


def survives(program: str, tests: CallTests) -> bool:
    """Whether a program answers every test with the right type and value."""
    names: dict[str, Any] = {}
    exec(program, names)
    try:
        return all(repr(names["f"](list(case.args[0]))) == repr(case.expected) for case in tests.cases)
    except Exception:
        return False


def test_the_stream_and_the_suite_have_nothing_in_common(
    programs: list[StreamProgram], problems: list[Problem]
) -> None:
    assert len(programs) == SIZE
    statements = {normalised_statement(p.statement) for p in problems}
    solutions = {normalised_program(p.canonical) for p in problems}
    assert statements.isdisjoint(normalised_statement(p.statement) for p in programs)
    assert solutions.isdisjoint(normalised_program(p.program) for p in programs)


def test_without_exclusion_they_would(problems: list[Problem]) -> None:
    statements = {p.statement for p in problems}
    solutions = {p.canonical for p in problems}
    programs = list(stream(4000, seed=0, exclude=()))
    assert any(p.statement in statements for p in programs)
    # a bug can turn one task's program into the solution of another: the second check is not idle
    assert any(p.buggy and p.program in solutions and p.statement not in statements for p in programs)


def test_a_solution_is_excluded_under_any_statement() -> None:
    first = next(stream(1, seed=3, exclude=()))
    problem = next(suite.problems(NanoSuite(train=1, validation=1, test=1)))
    renamed = replace(problem, statement="# something else\n", solutions=(f"# note\n{first.program}\n",))
    assert first.program not in {p.program for p in stream(300, seed=3, exclude=[renamed])}


def test_two_thirds_of_the_programs_have_a_bug(programs: list[StreamProgram]) -> None:
    share = sum(p.buggy for p in programs) / SIZE
    assert abs(share - 2 / 3) < 4 * sqrt(2 / 9 / SIZE)  # four standard deviations: 0.0127


def test_a_program_is_buggy_exactly_when_it_is_not_the_clean_one() -> None:
    noisy = list(stream(500, seed=5, exclude=()))
    assert all(not p.buggy for p in stream(500, seed=5, exclude=(), noisy=False))
    clean = {p.statement: p.program for p in stream(6000, seed=6, exclude=(), noisy=False)}
    known = [p for p in noisy if p.statement in clean]
    assert len(known) > 50
    assert all(p.buggy == (p.program != clean[p.statement]) for p in known)


def test_every_operation_and_every_length_occurs(programs: list[StreamProgram]) -> None:
    lines = {line.split(": ", 1)[1] for p in programs for line in p.statement.splitlines()}
    for operation in OPERATIONS.values():
        assert {operation.clause.format(c=c) for c in operation.constants or (0,)} <= lines
    assert {p.statement.count("\n") for p in programs} == {2, 3, 4, 5}


def test_every_program_is_python_that_ends_in_a_return(programs: list[StreamProgram]) -> None:
    for program in islice(programs, 2000):
        (function,) = ast.parse(program.program).body
        assert isinstance(function, ast.FunctionDef)
        assert isinstance(function.body[-1], ast.Return | ast.For)  # a wrong return may sit inside the loop
        assert "return " in program.program.splitlines()[-1]


def test_a_shorter_stream_is_the_beginning_of_a_longer_one(
    programs: list[StreamProgram], problems: list[Problem]
) -> None:
    assert list(stream(100, seed=0, exclude=problems)) == programs[:100]
    assert list(stream(100, seed=1, exclude=problems)) != programs[:100]
    assert list(stream(0, seed=0, exclude=())) == []


@pytest.mark.parametrize("operation", [OPERATIONS["product"], OPERATIONS["square"], OPERATIONS["sum"]])
def test_bugs_come_at_the_operations_rate_and_the_favourite_most(operation: Operation) -> None:
    draw, count = Draw("rates"), 20_000
    drawn = [draw_bug(draw, operation) for _ in range(count)]
    made = [bug for bug in drawn if bug is not None]
    assert len(made) / count == pytest.approx(operation.habit, abs=0.015)
    assert made.count(operation.bugs[0]) / len(made) == pytest.approx(FAVOURITE_BUG_SHARE, abs=0.05)
    assert set(made) == set(operation.bugs)


def test_twenty_inputs_catch_nine_of_ten_single_bugs(problems: list[Problem]) -> None:
    tried = caught = 0
    for problem in problems[:300]:
        task = Task(tuple(steps(problem)))
        assert task.program() == problem.canonical
        assert isinstance(problem.tests, CallTests)
        for position, step in enumerate(task.steps):
            for bug in step.operation.bugs:
                edits = [bug if place == position else None for place in range(len(task.steps))]
                tried += 1
                caught += not survives(task.program(edits), problem.tests)
    assert caught / tried > 0.88
