"""Generated tests (``labels: strict``): do two programs answer alike where the given tests do not look?

The canonical solution is the oracle. An input counts only if it answers there without an exception, with a plain value,
the same in two runs (the second in reverse order, so that no answer depends on those before), all inputs together in a
tenth of the CPU limit. A program that passed the given tests and answers otherwise is demoted; nothing is promoted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from prlcoder.executor import ExecutionRequest, ExecutionResult, ResourceLimits
from prlcoder.executor.comparison import equal_output
from prlcoder.executor.jailed.values import Opaque, UndecodableError, decode
from prlcoder.problems.model import CallTests, Problem, StdioTests
from prlcoder.supervision.generated_inputs import INPUTS, generate

RunPrograms = Callable[[Iterable[ExecutionRequest]], Iterator[ExecutionResult]]
MARGIN: Final = 10  # of CPU time that a program has over the canonical solution's: load must not decide a label
LEAST_CPU_S: Final = 1.0
FEWER: Final = (INPUTS, INPUTS // 4)  # inputs that are tried, fewer where the canonical solution is slow on them
MAX_ANSWER_BYTES: Final = 1 << 16
NEARLY: Final = 0.9
TOLERANCE: Final = 1e-6  # of real numbers, relative or absolute


@dataclass(frozen=True)
class Oracle:
    """Generated tests of one problem, the canonical solution's (encoded) answers, and the limits of a run on them."""

    problem: Problem
    tests: CallTests | StdioTests
    answers: tuple[bytes, ...]
    limits: ResourceLimits

    def execution(self, program: str) -> ExecutionRequest:
        """The run that answers all generated tests."""
        return _asked(self.problem, program, self.tests, self.limits)

    def contradicts(self, result: ExecutionResult) -> bool:
        """Whether a program answered one of the tests otherwise, or not at all."""
        answers = (*result.answers, *[None] * (len(self.answers) - len(result.answers)))
        return any(
            answer is None or not agree(answer, expected, self.tests)
            for answer, expected in zip(answers, self.answers, strict=True)
        )


class OracleComparison:
    """Oracles, each made when a program of its problem first asks for it. ``limits`` are those of a canonical run."""

    def __init__(self, limits: ResourceLimits, seed: int) -> None:
        self._limits = limits
        self._seed = seed
        self._oracles: dict[str, Oracle | None] = {}

    def contradicts(self, programs: Sequence[tuple[Problem, str]], run: RunPrograms) -> list[bool]:
        """Whether a generated test contradicts each program; never where a problem has none."""
        asked = {problem.id: problem for problem, _ in programs if problem.id not in self._oracles}
        self._oracles.update(oracles(list(asked.values()), self._limits, self._seed, run))
        judges = [self._oracles[problem.id] for problem, _ in programs]
        pairs = zip(judges, programs, strict=True)
        results = run(oracle.execution(program) for oracle, (_, program) in pairs if oracle is not None)
        return [oracle is not None and oracle.contradicts(next(results)) for oracle in judges]

    def counts(self) -> dict[str, int]:
        """How many problems were asked about, and how many inputs were generated for them."""
        found = [oracle for oracle in self._oracles.values() if oracle is not None]
        return {
            "generated_asked": len(self._oracles),
            "generated_problems": len(found),
            "generated_inputs": sum(len(oracle.answers) for oracle in found),
        }


def oracles(
    problems: Sequence[Problem], limits: ResourceLimits, seed: int, run: RunPrograms
) -> dict[str, Oracle | None]:
    """The oracle of each problem, by problem id; None where its tests or its canonical solution allow none."""
    budget = _generous(limits, limits.cpu_s / MARGIN)
    found: dict[str, Oracle | None] = {problem.id: None for problem in problems}
    for count in FEWER:
        generated = ((problem, generate(problem, seed, count)) for problem in problems if found[problem.id] is None)
        asked = [(problem, tests) for problem, tests in generated if tests is not None]
        found.update(_answered(asked, limits, budget, run))
    return found


def _answered(
    asked: Sequence[tuple[Problem, CallTests | StdioTests]],
    limits: ResourceLimits,
    budget: ResourceLimits,
    run: RunPrograms,
) -> Iterator[tuple[str, Oracle]]:
    runs = [
        _asked(problem, problem.canonical, tests_in_order, budget)
        for problem, tests in asked
        for tests_in_order in (tests, _reversed(tests))
    ]
    results = run(runs)
    for problem, tests in asked:
        first, second = next(results), next(results)
        if _ran_out(first, budget) or _ran_out(second, budget):
            continue
        kept = [
            (case, answer)
            for case, answer, again in zip(tests.cases, first.answers, reversed(second.answers), strict=True)
            if answer is not None and again is not None and _is_plain(answer, tests) and agree(answer, again, tests)
        ]
        if kept:
            limited = _generous(limits, min(limits.cpu_s, LEAST_CPU_S + MARGIN * first.cpu_s))
            cases, answers = zip(*kept, strict=True)
            yield problem.id, Oracle(problem, _only(tests, cases), answers, limited)


def _generous(limits: ResourceLimits, cpu_s: float) -> ResourceLimits:
    """The limits with so much CPU time, and wall time for a busy machine too: CPU time is to decide."""
    return replace(limits, cpu_s=cpu_s, wall_s=limits.wall_s + MARGIN * cpu_s)


def _ran_out(result: ExecutionResult, limits: ResourceLimits) -> bool:
    """Whether time ended the run (its verdict is about answers that nobody expects)."""
    return result.cpu_s >= NEARLY * limits.cpu_s or result.wall_s >= NEARLY * limits.wall_s


def _asked(problem: Problem, program: str, tests: CallTests | StdioTests, limits: ResourceLimits) -> ExecutionRequest:
    return ExecutionRequest(program, tests, problem.preamble, limits, all_tests=True, keep_answers=True)


def _reversed(tests: CallTests | StdioTests) -> CallTests | StdioTests:
    return _only(tests, tests.cases[::-1])


def _only(tests: CallTests | StdioTests, cases: Sequence[Any]) -> CallTests | StdioTests:
    if isinstance(tests, CallTests):
        return replace(tests, cases=tuple(cases))
    return replace(tests, cases=tuple(cases))


def _is_plain(answer: bytes, tests: CallTests | StdioTests) -> bool:
    """Whether the answer says something that another run can be held to: small, all of builtins, no NaN."""
    if len(answer) > MAX_ANSWER_BYTES:
        return False
    if isinstance(tests, StdioTests):
        return True
    try:
        return _is_comparable(decode(answer))
    except (UndecodableError, RecursionError):
        return False


def _is_comparable(value: Any) -> bool:
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(_is_comparable, value))
    if isinstance(value, dict):
        return all(map(_is_comparable, value.keys())) and all(map(_is_comparable, value.values()))
    return not isinstance(value, Opaque) and bool(value == value)


def agree(answer: bytes, expected: bytes, tests: CallTests | StdioTests) -> bool:
    """Whether two encoded answers are the same; real numbers within ``TOLERANCE``."""
    if answer == expected:
        return True
    if isinstance(tests, StdioTests):
        return equal_output(answer, expected, tests.comparison)
    if len(answer) > 20 * MAX_ANSWER_BYTES:
        return False
    try:
        return alike(decode(answer), decode(expected))
    except (UndecodableError, RecursionError):
        return False


def alike(left: Any, right: Any) -> bool:
    """Python's equality, a tuple equal to a list, real numbers within ``TOLERANCE``, at every depth."""
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(alike, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(alike(left[key], right[key]) for key in left)
    if float in (type(left), type(right)) and isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right or _close(left, right)
    return bool(left == right)


def _close(left: float, right: float) -> bool:
    try:
        return math.isclose(left, right, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    except OverflowError:  # an integer beyond all real numbers
        return False
