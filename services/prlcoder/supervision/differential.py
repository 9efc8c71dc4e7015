"""Differential testing (``labels: strict``): compares a program's answers with the canonical solution's on new inputs.

The canonical solution is the oracle. A generated input counts only if the canonical solution answers it

- without an exception and with a plain value,
- equally in two runs, the second in reverse order, so that no answer depends on the calls before it,
- quickly enough: all inputs together within a tenth of the CPU limit.

A program that passed the given tests and answers one of these inputs differently is demoted. Nothing is ever promoted.
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
CPU_TIME_FACTOR: Final = 10  # a program gets this many times the canonical solution's CPU time, so load decides nothing
MIN_CPU_S: Final = 1.0  # a program gets at least this much, because short CPU times vary most
INPUT_COUNTS: Final = (INPUTS, INPUTS // 4)  # tried in order: fewer inputs if the canonical solution is too slow
MAX_ANSWER_BYTES: Final = 1 << 16
EXHAUSTED_SHARE: Final = 0.9  # a run that used this share of its time limit counts as stopped by it
TOLERANCE: Final = 1e-6  # for real numbers, relative or absolute


@dataclass(frozen=True)
class Oracle:
    """The generated tests of one problem, the canonical solution's (encoded) answers, and the limits of a run."""

    problem: Problem
    tests: CallTests | StdioTests
    answers: tuple[bytes, ...]
    limits: ResourceLimits

    def execution(self, program: str) -> ExecutionRequest:
        """Return the run that answers all generated tests."""
        return _answer_request(self.problem, program, self.tests, self.limits)

    def contradicts(self, result: ExecutionResult) -> bool:
        """Whether a program answered one of the tests differently, or not at all."""
        # A run that ended early returns fewer answers than there are tests.
        answers = (*result.answers, *[None] * (len(self.answers) - len(result.answers)))
        return any(
            answer is None or not answers_agree(answer, expected, self.tests)
            for answer, expected in zip(answers, self.answers, strict=True)
        )


class OracleComparison:
    """Compares programs with the oracles of their problems.

    An oracle is made when a program of its problem is first compared, because many problems never need theirs.
    ``limits`` are those of a canonical run.
    """

    def __init__(self, limits: ResourceLimits, seed: int) -> None:
        self._limits = limits
        self._seed = seed
        self._oracles: dict[str, Oracle | None] = {}

    def contradicts(self, programs: Sequence[tuple[Problem, str]], run: RunPrograms) -> list[bool]:
        """Return, for each program, whether a generated test contradicts it; False if its problem has no oracle."""
        asked = {problem.id: problem for problem, _ in programs if problem.id not in self._oracles}
        self._oracles.update(oracles(list(asked.values()), self._limits, self._seed, run))
        judges = [self._oracles[problem.id] for problem, _ in programs]
        pairs = zip(judges, programs, strict=True)
        results = run(oracle.execution(program) for oracle, (_, program) in pairs if oracle is not None)
        return [oracle is not None and oracle.contradicts(next(results)) for oracle in judges]

    def counts(self) -> dict[str, int]:
        """Return how many problems were compared, and how many generated inputs they have."""
        found = [oracle for oracle in self._oracles.values() if oracle is not None]
        return {
            "generated_asked": len(self._oracles),
            "generated_problems": len(found),
            "generated_inputs": sum(len(oracle.answers) for oracle in found),
        }


def oracles(
    problems: Sequence[Problem], limits: ResourceLimits, seed: int, run: RunPrograms
) -> dict[str, Oracle | None]:
    """Return the oracle of each problem by id; None if its tests or its canonical solution do not allow one."""
    budget = _with_cpu_limit(limits, limits.cpu_s / CPU_TIME_FACTOR)
    found: dict[str, Oracle | None] = {problem.id: None for problem in problems}
    for count in INPUT_COUNTS:
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
        _answer_request(problem, problem.canonical, tests_in_order, budget)
        for problem, tests in asked
        for tests_in_order in (tests, _reversed(tests))
    ]
    # One call for all problems keeps every worker of the executor busy. Results come in order, two per problem.
    results = run(runs)
    for problem, tests in asked:
        first, second = next(results), next(results)
        if _ran_out(first, budget) or _ran_out(second, budget):
            continue  # the same problem is tried again with fewer inputs
        kept = [
            (case, answer)
            for case, answer, again in zip(tests.cases, first.answers, reversed(second.answers), strict=True)
            if answer is not None
            and again is not None
            and _is_plain(answer, tests)
            and answers_agree(answer, again, tests)
        ]
        if kept:
            limited = _with_cpu_limit(limits, min(limits.cpu_s, MIN_CPU_S + CPU_TIME_FACTOR * first.cpu_s))
            cases, answers = zip(*kept, strict=True)
            yield problem.id, Oracle(problem, _only(tests, cases), answers, limited)


def _with_cpu_limit(limits: ResourceLimits, cpu_s: float) -> ResourceLimits:
    """Return the limits with this CPU limit and a generous wall limit.

    The wall time depends on the machine's load, the CPU time hardly does; so the CPU limit must be the first to stop a
    program, or a busy machine would change labels.
    """
    return replace(limits, cpu_s=cpu_s, wall_s=limits.wall_s + CPU_TIME_FACTOR * cpu_s)


def _ran_out(result: ExecutionResult, limits: ResourceLimits) -> bool:
    """Whether a time limit ended the run. The verdict does not say, because the tests have no expected answers."""
    return result.cpu_s >= EXHAUSTED_SHARE * limits.cpu_s or result.wall_s >= EXHAUSTED_SHARE * limits.wall_s


def _answer_request(
    problem: Problem, program: str, tests: CallTests | StdioTests, limits: ResourceLimits
) -> ExecutionRequest:
    return ExecutionRequest(program, tests, problem.preamble, limits, all_tests=True, keep_answers=True)


def _reversed(tests: CallTests | StdioTests) -> CallTests | StdioTests:
    return _only(tests, tests.cases[::-1])


def _only(tests: CallTests | StdioTests, cases: Sequence[Any]) -> CallTests | StdioTests:
    if isinstance(tests, CallTests):
        return replace(tests, cases=tuple(cases))
    return replace(tests, cases=tuple(cases))


def _is_plain(answer: bytes, tests: CallTests | StdioTests) -> bool:
    """Whether another run's answer can be compared with this one: it is small, made of builtins, and without NaN."""
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
    return not isinstance(value, Opaque) and bool(value == value)  # NaN is not equal to itself


def answers_agree(answer: bytes, expected: bytes, tests: CallTests | StdioTests) -> bool:
    """Whether two encoded answers are equal; real numbers may differ by ``TOLERANCE``."""
    if answer == expected:
        return True
    if isinstance(tests, StdioTests):
        return equal_output(answer, expected, tests.comparison, tests.tolerance)
    if len(answer) > 20 * MAX_ANSWER_BYTES:  # far longer than any expected answer; decoding it would only cost time
        return False
    try:
        return equal_values(decode(answer), decode(expected))
    except (UndecodableError, RecursionError):
        return False


def equal_values(left: Any, right: Any) -> bool:
    """Python's equality, except that a tuple equals a list and real numbers may differ by ``TOLERANCE``; recursive."""
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(equal_values, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal_values(left[key], right[key]) for key in left)
    if float in (type(left), type(right)) and isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right or _close(left, right)
    return bool(left == right)


def _close(left: float, right: float) -> bool:
    try:
        return math.isclose(left, right, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    except OverflowError:  # an integer too large for a float
        return False
