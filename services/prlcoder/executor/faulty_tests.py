"""Whether a table of failures says anything about the programs, or whether the tests reject every program."""

from __future__ import annotations

from collections.abc import Mapping

from prlcoder.errors import InputError
from prlcoder.executor.protocol import ProgramRunner
from prlcoder.executor.verdicts import (
    ExecutionRequest,
    ExecutionResult,
    faulty_tests,
    missing_package,
    of_canonical,
    require_verdict,
)
from prlcoder.problems.model import Problem


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
