"""The closed list of verdicts, the request and the result of one execution (``docs/reference/contracts.md``, 2).

``sandbox_error`` is not a verdict: it means that the sandbox failed, and it never becomes a label or a reward. The
result then has ``verdict is None``, and ``reason`` says what broke.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from prlcoder.problems.model import Tests


class Verdict(StrEnum):
    """How a whole program fared on its tests."""

    PASSED = "passed"
    WRONG_ANSWER = "wrong_answer"
    RUNTIME_ERROR = "runtime_error"
    COMPILE_ERROR = "compile_error"
    TIMEOUT = "timeout"


@dataclass(frozen=True)
class ResourceLimits:
    """What one program may use for all of its tests together, in seconds and MiB."""

    cpu_s: float = 10.0
    wall_s: float = 20.0
    memory_mib: int = 1024
    output_mib: int = 16
    processes: int = 16


@dataclass(frozen=True)
class ExecutionRequest:
    """One program to run against one set of tests. ``program`` is the whole program without the preamble."""

    program: str
    tests: Tests
    preamble: str = ""
    limits: ResourceLimits | None = None  # None: the executor's limits
    all_tests: bool = False  # False: stop at the first test that does not pass
    keep_answers: bool = False  # True: the result contains the program's answers


@dataclass(frozen=True)
class ExecutionResult:
    """How an execution went. ``cpu_s`` and ``wall_s`` are seconds; ``memory_mib`` is the peak resident size."""

    verdict: Verdict | None
    reason: str = ""
    tests_passed: int = 0
    tests_total: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    memory_mib: float = 0.0
    profile: str = ""
    timings_s: dict[str, float] = field(default_factory=dict)  # per part: fork, compile, run, compare
    answers: tuple[bytes | None, ...] = ()  # with keep_answers: per test the encoded value or output, or None

    @property
    def passed(self) -> bool:
        """Whether the program passed every test."""
        return self.verdict is Verdict.PASSED
