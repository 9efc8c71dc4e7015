"""The closed list of verdicts, and what one execution is asked and answers (contracts, section 2).

``sandbox_error`` is not a verdict: it means *we* failed, it never becomes a label or a reward. A result then has
``verdict is None`` and ``reason`` says what broke.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from prlcoder.problems.model import Tests


class Verdict(StrEnum):
    """How a whole program did on its tests."""

    PASSED = "passed"
    WRONG_ANSWER = "wrong_answer"
    RUNTIME_ERROR = "runtime_error"
    COMPILE_ERROR = "compile_error"
    TIMEOUT = "timeout"


@dataclass(frozen=True)
class ResourceLimits:
    """What one program may use, all its tests together. Seconds and MiB."""

    cpu_s: float = 10.0
    wall_s: float = 20.0
    memory_mib: int = 1024
    output_mib: int = 16
    processes: int = 16


@dataclass(frozen=True)
class ExecutionRequest:
    """One program to run against one set of tests. ``program`` is the whole program, the preamble apart."""

    program: str
    tests: Tests
    preamble: str = ""
    limits: ResourceLimits | None = None  # None: the executor's own
    all_tests: bool = False  # False: stop at the first test that does not pass
    keep_answers: bool = False  # True: the result holds what the program answered


@dataclass(frozen=True)
class ExecutionResult:
    """What happened. ``cpu_s``, ``wall_s`` in seconds; ``memory_mib`` is the peak resident size."""

    verdict: Verdict | None
    reason: str = ""
    tests_passed: int = 0
    tests_total: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    memory_mib: float = 0.0
    profile: str = ""
    timings_s: dict[str, float] = field(default_factory=dict)  # by part: fork, compile, run, compare
    answers: tuple[bytes | None, ...] = ()  # with keep_answers: a test's encoded value or output, None if it has none

    @property
    def passed(self) -> bool:
        """Whether the program passed every test."""
        return self.verdict is Verdict.PASSED
