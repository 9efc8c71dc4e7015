"""Finds the first wrong step of a failing program by splicing (``locate: splice``).

The program's segments up to and including some step are joined to the rest of the canonical solution. The first step
after which this spliced program fails is the first wrong one. Steps are matched by their number, so the method suits
problem families whose solutions align (nano).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from prlcoder.errors import WorkError
from prlcoder.executor import ExecutionRequest, ExecutionResult, ResourceLimits
from prlcoder.problems.model import Problem
from prlcoder.segmenter import Segment
from prlcoder.supervision.differential import RunPrograms


@dataclass(frozen=True)
class FailingProgram:
    """A program that fails its problem's tests, with its segments and those of the canonical solution."""

    problem: Problem
    segments: Sequence[Segment]
    canonical: Sequence[Segment]
    limits: ResourceLimits | None = None


@dataclass(frozen=True)
class WrongStep:
    """Segment ``index`` is the first wrong one.

    ``repaired`` passes: it has the segments before ``index``, and ``instead`` in the place of the wrong one, which is
    empty if no segment of ``repaired`` begins there. ``broken`` has the wrong segment too, and failed with ``result``.
    """

    index: int
    repaired: str
    broken: str
    result: ExecutionResult
    instead: str = ""


FirstWrong = WrongStep | ExecutionResult | None
"""What a search finds: the wrong step, None if there is none, or the result without a verdict that ended the search."""


def first_difference(segments: Sequence[Segment], canonical: Sequence[Segment]) -> int:
    """Return the index of the first segment in which two programs differ; their common length if there is none."""
    for index, (ours, theirs) in enumerate(zip(segments, canonical, strict=False)):
        if ours.text != theirs.text:
            return index
    return min(len(segments), len(canonical))


def spliced(program: FailingProgram, count: int) -> str:
    """Return the program's first ``count`` segments followed by the canonical solution's from there on."""
    return "".join(part.text for part in (*program.segments[:count], *program.canonical[count:]))


def first_wrong_steps(programs: Sequence[FailingProgram], run: RunPrograms) -> list[WrongStep | None]:
    """Return the first wrong step of each program; None if every spliced program passes.

    Raises ``WorkError`` if the sandbox fails.
    """
    return [
        _with_verdict(program, found) for program, found in zip(programs, search_by_splice(programs, run), strict=True)
    ]


def _with_verdict(program: FailingProgram, found: FirstWrong) -> WrongStep | None:
    if isinstance(found, ExecutionResult):
        raise WorkError(f"{program.problem.id}: the sandbox failed ({found.reason}); run again to go on")
    return found


def search_by_splice(programs: Sequence[FailingProgram], run: RunPrograms) -> list[FirstWrong]:
    """Search the first wrong step of each program.

    All programs are searched in rounds, one step per round, so that the executor always has a full batch. Nearly always
    the first step that differs from the canonical solution is the wrong one, so most programs need one execution.
    """
    found: list[FirstWrong] = [None] * len(programs)
    searches = [
        _Search(number, program, first_difference(program.segments, program.canonical))
        for number, program in enumerate(programs)
    ]
    while searches := [search for search in searches if search.has_next]:
        results = run(search.request() for search in searches)
        undecided = []
        for search, result in zip(searches, results, strict=True):
            if result.verdict is None:
                found[search.number] = result
            elif result.passed:
                undecided.append(replace(search, index=search.index + 1))
            else:
                found[search.number] = search.wrong_step(result)
        searches = undecided
    return found


@dataclass(frozen=True)
class _Search:
    """The search in one program. All segments before ``index`` are right."""

    number: int
    program: FailingProgram
    index: int

    @property
    def has_next(self) -> bool:
        return self.index < min(len(self.program.segments), len(self.program.canonical))

    def request(self) -> ExecutionRequest:
        problem = self.program.problem
        program = spliced(self.program, self.index + 1)
        return ExecutionRequest(
            program=program, tests=problem.tests, preamble=problem.preamble, limits=self.program.limits
        )

    def wrong_step(self, result: ExecutionResult) -> WrongStep:
        repaired, broken = spliced(self.program, self.index), spliced(self.program, self.index + 1)
        return WrongStep(self.index, repaired, broken, result, self.program.canonical[self.index].text)
