"""Runs every solution of a data set against the data set's own tests."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from prlcoder.executor import ExecutionRequest, ExecutionResult, ProgramRunner
from prlcoder.executor.verdicts import missing_package, of_canonical
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
