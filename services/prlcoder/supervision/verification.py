"""Runs every solution of a data set against the data set's own tests."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from prlcoder.executor import ExecutionRequest, ExecutionResult, ProgramRunner
from prlcoder.problems.model import Problem


@dataclass(frozen=True)
class Verified:
    """The result of one solution. ``solution`` is its index in the problem; 0 is the canonical solution."""

    problem_id: str
    solution: int
    result: ExecutionResult

    def row(self) -> dict[str, Any]:
        """The verification row of docs/reference/contracts.md, section 3; ``verdict`` is null if the sandbox failed."""
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
        yield Verified(*keys.popleft(), result)


@dataclass
class VerdictTally:
    """Counts of verdicts, and the solutions that did not pass."""

    verdicts: Counter[str] = field(default_factory=Counter)
    not_passed: list[Verified] = field(default_factory=list)

    def add(self, verified: Verified) -> None:
        """Count one result."""
        self.verdicts[verified.result.verdict or "sandbox_error"] += 1
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
