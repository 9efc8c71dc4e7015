"""Right and wrong steps in a policy's own programs on problems with a canonical solution.

All steps of a passing program are right. In a failing one the first wrong step is the first after which the program
so far, with the rest of the canonical solution, fails (``locate: splice`` of the supervision); those before it are
right, and of those after it nothing is known. Steps are matched by their number, so this suits problem families
whose solutions align. A program that only fails after its last matched step tells nothing and is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prlcoder.errors import WorkError
from prlcoder.evaluation.step_scores import cut
from prlcoder.executor import ExecutionRequest, ProgramRunner
from prlcoder.problems.model import Problem
from prlcoder.segmenter import Mode, Segment
from prlcoder.supervision.policy_teacher import first_difference


@dataclass(frozen=True)
class JudgedProgram:
    """A program that a policy wrote, and whether it passed."""

    problem: Problem
    program: str
    passed: bool


def known_steps(written: Sequence[JudgedProgram], mode: Mode, executor: ProgramRunner) -> list[int | None]:
    """For each program the number of its segments that are right before the first wrong one: all for a passing one,
    None where the wrong one was not found."""
    found: list[int | None] = [len(cut(one.program, mode)) if one.passed else None for one in written]
    searching = [
        _Search(number, one.problem, ours, theirs, first_difference(ours, theirs))
        for number, one in enumerate(written)
        if not one.passed and one.problem.solutions
        for ours, theirs in [(cut(one.program, mode), cut(one.problem.canonical, mode))]
    ]
    while searching := [search for search in searching if search.has_next]:
        results = executor.run(search.execution() for search in searching)
        undecided = []
        for search, result in zip(searching, results, strict=True):
            if result.verdict is None:
                raise WorkError(f"{search.problem.id}: the sandbox failed ({result.reason}); run again to go on")
            if result.passed:
                undecided.append(search.after())
            else:
                found[search.number] = search.index
        searching = undecided
    return found


@dataclass(frozen=True)
class _Search:
    """The wrong segment of program ``number`` is none before ``index``."""

    number: int
    problem: Problem
    ours: list[Segment]
    theirs: list[Segment]
    index: int

    @property
    def has_next(self) -> bool:
        return self.index < min(len(self.ours), len(self.theirs))

    def after(self) -> _Search:
        return _Search(self.number, self.problem, self.ours, self.theirs, self.index + 1)

    def execution(self) -> ExecutionRequest:
        """The program up to and with segment ``index``, then the canonical solution."""
        parts = [*self.ours[: self.index + 1], *self.theirs[self.index + 1 :]]
        program = "".join(part.text for part in parts)
        return ExecutionRequest(program=program, tests=self.problem.tests, preamble=self.problem.preamble)
