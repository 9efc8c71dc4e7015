"""Runs every solution of a data set against the data set's own tests."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from prlcoder.errors import InputError
from prlcoder.executor import ExecutionRequest, ExecutionResult, ProgramRunner
from prlcoder.executor.verdicts import faulty_tests, missing_package, of_canonical, require_verdict
from prlcoder.problems.model import Problem


@dataclass(frozen=True)
class Verified:
    """The result of one solution. ``solution`` is its index in the problem; 0 is the canonical solution."""

    problem_id: str
    solution: int
    result: ExecutionResult

    def row(self) -> dict[str, Any]:
        """The verification row of docs/reference/contracts.md, section 3; ``verdict`` is null if the sandbox failed
        or the tests are at fault; ``reason`` then says which."""
        return {
            "problem_id": self.problem_id,
            "solution": self.solution,
            "verdict": self.result.verdict,
            "reason": self.result.reason,
        }


def verify(problems: Iterable[Problem], executor: ProgramRunner) -> Iterator[Verified]:
    """Run all solutions of all problems, in order. Only the problems that are being executed are in memory."""
    keys: deque[tuple[str, int]] = deque()

    def executions() -> Iterator[ExecutionRequest]:
        for problem in problems:
            for index, solution in enumerate(problem.solutions):
                keys.append((problem.id, index))
                yield ExecutionRequest(program=solution, tests=problem.tests, preamble=problem.preamble)

    for result in executor.run(executions()):
        problem_id, index = keys.popleft()
        yield Verified(problem_id, index, of_canonical(result) if index == 0 else result)


@dataclass
class VerdictTally:
    """Counts of verdicts, and the solutions that did not pass."""

    verdicts: Counter[str] = field(default_factory=Counter)
    not_passed: list[Verified] = field(default_factory=list)

    def add(self, verified: Verified) -> None:
        """Count one result."""
        self.verdicts[verified.result.outcome] += 1
        if not verified.result.passed:
            self.not_passed.append(verified)

    @property
    def total(self) -> int:
        """The number of solutions."""
        return self.verdicts.total()

    @property
    def passed(self) -> int:
        """The number of solutions that passed all tests."""
        return self.total - len(self.not_passed)

    def missing_packages(self) -> str:
        """Which packages the solutions could not import, with the number of solutions; empty if none is missing."""
        needed = Counter(package for one in self.not_passed if (package := missing_package(one.result)))
        return ", ".join(f"{package} ({count:,})" for package, count in sorted(needed.items()))


class FaultyTestsCheck:
    """Distinguishes programs that fail from tests that reject everything.

    ``note`` every result of the programs. Afterwards ``require_sound`` runs the canonical solutions of those problems
    whose tests ended with an exception and which no program passed; if no program passed anything, those of all
    problems that were tried. A table of zeros would otherwise look like a result.
    """

    def __init__(self, problems: Mapping[str, Problem]) -> None:
        self._problems = problems
        self._tried: dict[str, None] = {}  # a set in order of appearance
        self._passed: set[str] = set()
        self._suspects: dict[str, None] = {}

    def note(self, problem_id: str, result: ExecutionResult) -> None:
        """Count one result. ``InputError`` if it says that the tests are at fault."""
        if result.test_error:
            raise faulty_tests(problem_id, result.test_error)
        self._tried[problem_id] = None
        if result.passed:
            self._passed.add(problem_id)
        elif result.test_exception:
            self._suspects[problem_id] = None

    def require_sound(self, executor: ProgramRunner) -> None:
        """``InputError`` if a canonical solution meets an exception of the tests, or if all of them fail."""
        chosen = [id for id in self._suspects if id not in self._passed] if self._passed else list(self._tried)
        solved = [self._problems[id] for id in chosen if self._problems[id].solutions]
        results = executor.run(ExecutionRequest(one.canonical, one.tests, one.preamble) for one in solved)
        failed = []
        for problem, result in zip(solved, map(of_canonical, results), strict=True):
            require_verdict(problem.id, result)
            if not result.passed:
                failed.append((problem.id, result))
        if failed and len(failed) == len(solved) and not self._passed:
            raise InputError(_all_fail(*failed[0], len(failed)))


def _all_fail(problem_id: str, result: ExecutionResult, count: int) -> str:
    reason = f" ({result.reason})" if result.reason else ""
    remedy = "check the tests and the format"
    if missing_package(result):
        remedy = f"install {missing_package(result)} into a folder and give it with --packages DIR"
    return (
        f"{problem_id}: tests: no program passes, and no canonical solution of {count} does; the one of this problem "
        f"gets {result.outcome}{reason}; {remedy}"
    )
