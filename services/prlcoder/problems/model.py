"""The model of a programming problem, the same for every data set. Pure data, no I/O.

Three texts of a problem have different roles:

- ``preamble`` is executed before every program and is never a step (LeetCodeDataset's imports);
- ``prompt`` is code that the benchmark gives; a *completion* is appended to it (HumanEval's signature and docstring,
  nano's ``def`` line). It is empty where a completion is a whole program (MBPP, LeetCodeDataset);
- ``starter_code`` is the interface that the statement shows (``class Solution: def f(self, ...)``).

A *program* is always the whole text from its first line, ``prompt`` included. Solutions are programs.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Comparison(StrEnum):
    """How an answer is compared with the expected one (``executor.comparison`` implements each)."""

    VALUE = "value"  # Python equality of decoded values, tuple == list, 1 == 1.0; never the program's own __eq__
    STRICT = "strict"  # the same type and the same value at every depth: True is not 1, 1 is not 1.0
    SHALLOW = "shallow"  # Python equality; only an outermost tuple counts as a list (LiveCodeBench)
    EXACT = "exact"  # stdout bytes equal
    LINES = "lines"  # stdout equal after trailing whitespace of lines and trailing blank lines are removed
    TOKENS = "tokens"  # stdout equal as tokens separated by whitespace
    EVALPLUS = "evalplus"  # calls: Python equality; floats, or with a tolerance all numbers, as numpy's allclose
    APPS = "apps"  # calls: Python equality, [x] may be x; stdout: stripped lines, numbers in any decimal form
    DECIMALS = "decimals"  # stripped lines equal, or lines of the same exact numbers (LiveCodeBench)
    FLOATS = "floats"  # as tokens, numbers within a relative or absolute tolerance of 1e-6


@dataclass(frozen=True)
class Tolerance:
    """How far a number may lie from the expected one: at most ``absolute + relative * abs(expected)``."""

    absolute: float = 0.0
    relative: float = 0.0


@dataclass(frozen=True)
class CallTest:
    """One call of the entry point and the value it must return."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    expected: Any


@dataclass(frozen=True)
class CallTests:
    """Calls of ``entry_point`` (an expression such as ``f`` or ``Solution().f``, evaluated anew for each call).

    ``checker`` is Python source that defines ``check(arguments, result, expected)``; it decides in place of the
    comparison. ``arguments`` is the list of the call's values, keyword values last.
    """

    entry_point: str
    cases: tuple[CallTest, ...]
    comparison: Comparison = Comparison.VALUE
    tolerance: Tolerance | None = None  # for floats at every depth of a result; None compares them exactly
    checker: str = ""  # empty: the comparison decides
    test_limit_s: float | None = None  # CPU seconds for one call; None: only the program's limits count
    oracle: str = ""  # a whole program whose results are the expected values; the cases then have None in their place


@dataclass(frozen=True)
class StdioTest:
    """The text on standard input and the text that is expected on standard output."""

    stdin: str
    expected: str


@dataclass(frozen=True)
class StdioTests:
    """Whole-program tests over standard input and output.

    ``checker`` is Python source that defines ``check(input, output, expected)`` over texts; it decides in place of the
    comparison.
    """

    cases: tuple[StdioTest, ...]
    comparison: Comparison = Comparison.LINES
    tolerance: Tolerance | None = None  # for numbers in the output; None leaves them to the comparison
    checker: str = ""  # empty: the comparison decides
    test_limit_s: float | None = None  # CPU seconds for one run; None: only the program's limits count


@dataclass(frozen=True)
class AssertTests:
    """Test code as published.

    ``source`` is Python. If ``check`` is true, it defines ``check(candidate)``, which is called with the value of
    ``entry_point``. Otherwise it is a sequence of statements that use the program's names directly (MBPP).
    ``setup`` runs first, in the trusted tester process.
    """

    source: str
    entry_point: str
    check: bool
    setup: str = ""


Tests = CallTests | StdioTests | AssertTests


@dataclass(frozen=True)
class Problem:
    """One programming problem. ``solutions[0]`` is *the* canonical solution."""

    id: str
    statement: str
    tests: Tests
    solutions: tuple[str, ...] = ()
    prompt: str = ""
    starter_code: str = ""
    preamble: str = ""
    difficulty: str | None = None
    split: str | None = None  # the split that the data set publishes, if any
    source: str = "prlcoder"  # the format that the problem was first read from
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def canonical(self) -> str:
        """The first canonical solution; ``ValueError`` if the problem has no solution."""
        if not self.solutions:
            raise ValueError(f"problem {self.id} has no canonical solution")
        return self.solutions[0]

    def program(self, completion: str) -> str:
        """The whole program for a completion of this problem's prompt."""
        return self.prompt + completion


def digest(problem_ids: list[str]) -> str:
    """SHA-256 over problem ids in the given order; it identifies a split."""
    return hashlib.sha256(json.dumps(problem_ids).encode()).hexdigest()
