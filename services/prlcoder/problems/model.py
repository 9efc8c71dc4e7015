"""What a programming problem is, whatever data set it came from. No I/O here.

Three texts play different parts and must not be mixed up:

- ``preamble`` is executed before every program and is never seen as a step (LeetCodeDataset's imports);
- ``prompt`` is code that the benchmark gives and that a *completion* is appended to (HumanEval's signature and
  docstring, nano's ``def`` line); empty where a completion is a whole program (MBPP, LeetCodeDataset);
- ``starter_code`` is the interface that the statement shows (``class Solution: def f(self, ...)``).

A *program* is always the whole text from its first line, ``prompt`` included; solutions are programs.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Comparison(StrEnum):
    """How an answer is compared with the expected one (``executor.comparison`` implements each)."""

    VALUE = "value"  # Python equality of decoded values, tuple == list, 1 == 1.0; never the candidate's own __eq__
    STRICT = "strict"  # the same type and the same value at every depth: True is not 1, 1 is not 1.0
    SHALLOW = "shallow"  # Python equality; only an outermost tuple counts as a list (LiveCodeBench)
    EXACT = "exact"  # stdout bytes equal
    LINES = "lines"  # stdout equal after trailing white space of lines and trailing blank lines are dropped
    TOKENS = "tokens"  # stdout equal as white-space separated tokens
    DECIMALS = "decimals"  # lines without white space around them equal, or the same exact numbers (LiveCodeBench)
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


@dataclass(frozen=True)
class StdioTest:
    """What is fed to standard input and what standard output must then hold."""

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
    """Test code as published. ``source`` is Python: either it defines ``check(candidate)`` (then ``check`` is true
    and it is called with the value of ``entry_point``), or it is a sequence of statements that use the
    candidate's names directly (MBPP). ``setup`` runs first, on the trusted side."""

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
    split: str | None = None  # the split that the data set itself publishes, if any
    source: str = "prlcoder"  # name of the format it was read from
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def canonical(self) -> str:
        """The first canonical solution; ``ValueError`` if the data set has none for this problem."""
        if not self.solutions:
            raise ValueError(f"problem {self.id} has no canonical solution")
        return self.solutions[0]

    def program(self, completion: str) -> str:
        """The whole program for a completion of this problem's prompt."""
        return self.prompt + completion


def digest(problem_ids: list[str]) -> str:
    """SHA-256 over problem ids in the given order: the identity of a split."""
    return hashlib.sha256(json.dumps(problem_ids).encode()).hexdigest()
