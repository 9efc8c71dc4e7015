"""Right and wrong steps in a policy's own programs, on problems with a canonical solution.

All steps of a passing program are right. In a failing program, splicing finds the first wrong step
(``supervision.first_wrong_step``): the steps before it are right, and nothing is known about those after it. A program
in which splicing finds no wrong step is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prlcoder.evaluation.step_scores import cut
from prlcoder.executor import ProgramRunner
from prlcoder.problems.model import Problem
from prlcoder.segmenter import Mode
from prlcoder.supervision.first_wrong_step import FailingProgram, first_wrong_steps


@dataclass(frozen=True)
class JudgedProgram:
    """A program that a policy wrote, and whether it passed."""

    problem: Problem
    program: str
    passed: bool


def known_steps(written: Sequence[JudgedProgram], mode: Mode, executor: ProgramRunner) -> list[int | None]:
    """Return, for each program, the number of segments before its first wrong one.

    For a passing program this is the number of all its segments; it is None if the wrong segment was not found.
    """
    known: list[int | None] = [len(cut(one.program, mode)) if one.passed else None for one in written]
    failing = [number for number, one in enumerate(written) if not one.passed and one.problem.solutions]
    programs = [_failing_program(written[number], mode) for number in failing]
    for number, wrong in zip(failing, first_wrong_steps(programs, executor.run), strict=True):
        known[number] = None if wrong is None else wrong.index
    return known


def _failing_program(one: JudgedProgram, mode: Mode) -> FailingProgram:
    return FailingProgram(one.problem, cut(one.program, mode), cut(one.problem.canonical, mode))
