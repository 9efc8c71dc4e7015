"""The closed list of verdicts, the request and the result of one execution (``docs/reference/contracts.md#2``).

Two outcomes are not verdicts and never become a label or a reward. ``sandbox_error`` means that the sandbox failed;
``test_error`` means that the tests are at fault and not the program. The result then has ``verdict is None``, and
``reason`` is the name of the outcome, a colon, and what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from prlcoder.errors import InputError, WorkError
from prlcoder.problems.model import Tests

SANDBOX_ERROR: Final = "sandbox_error"
TEST_ERROR: Final = "test_error"
MISSING_PACKAGE: Final = "ModuleNotFoundError: "  # a reason begins with this and ends with the package's name


class Verdict(StrEnum):
    """How a whole program fared on its tests."""

    PASSED = "passed"
    WRONG_ANSWER = "wrong_answer"
    RUNTIME_ERROR = "runtime_error"
    COMPILE_ERROR = "compile_error"
    TIMEOUT = "timeout"


@dataclass(frozen=True)
class ResourceLimits:
    """What one program may use for all of its tests together, in seconds and MiB.

    ``test_s`` is CPU time for one test. None means the limit of the tests themselves, if they have one; 0 means that
    only the limits of the program count. With a limit per test, the program's limits grow to the number of tests times
    this limit where they are lower.
    """

    cpu_s: float = 10.0
    wall_s: float = 20.0
    memory_mib: int = 1024
    output_mib: int = 16
    processes: int = 16
    test_s: float | None = None


@dataclass(frozen=True)
class ExecutionRequest:
    """One program to run against one set of tests. ``program`` is the whole program without the preamble."""

    program: str
    tests: Tests
    preamble: str = ""
    limits: ResourceLimits | None = None  # None: the executor's limits
    all_tests: bool = False  # False: stop at the first test that does not pass
    keep_answers: bool = False  # True: the result contains the program's answers
    trace_lines: bool = False  # True: the program runs once more, and the result has its executed lines and error line


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
    test_exception: str = ""  # an exception of test code that ended the tests, with its line; "" if there was none
    # With trace_lines: what the program's own process says of its lines, 1-based. It is untrusted data, and no verdict
    # depends on it. ``executed_lines`` is None without it; ``error_line`` is that of the exception or syntax error.
    executed_lines: tuple[int, ...] | None = None
    error_line: int | None = None

    @property
    def passed(self) -> bool:
        """Whether the program passed every test."""
        return self.verdict is Verdict.PASSED

    @property
    def share_passed(self) -> float:
        """The share of tests that passed, 0 to 1. It needs ``all_tests`` to say how right a program is."""
        return self.tests_passed / self.tests_total if self.tests_total else 0.0

    @property
    def outcome(self) -> str:
        """The verdict, or ``sandbox_error`` or ``test_error`` where there is none."""
        return self.verdict.value if self.verdict is not None else TEST_ERROR if self.test_error else SANDBOX_ERROR

    @property
    def test_error(self) -> str:
        """What is wrong with the tests; empty unless they are at fault."""
        prefix = f"{TEST_ERROR}: "
        return self.reason.removeprefix(prefix) if self.verdict is None and self.reason.startswith(prefix) else ""


def require_verdict(problem_id: str, result: ExecutionResult) -> Verdict:
    """The verdict. ``InputError`` if the problem's tests are at fault, ``WorkError`` if the sandbox failed."""
    if result.verdict is not None:
        return result.verdict
    if result.test_error:
        raise faulty_tests(problem_id, result.test_error)
    raise WorkError(f"{problem_id}: the sandbox failed ({result.reason}); run again to continue, or `prlcoder doctor`")


def faulty_tests(problem_id: str, fault: str) -> InputError:
    """The message that stops a command: a problem's tests are at fault, so no verdict would say anything."""
    remedy = "mend the tests, or leave the problem out"
    if "ModuleNotFoundError" in fault:
        remedy = "install the package into a folder (`pip install --target DIR NAME`) and give it with --packages DIR"
    return InputError(f"{problem_id}: tests: {fault}; {remedy}")


def of_canonical(result: ExecutionResult) -> ExecutionResult:
    """The result of a canonical solution: an exception that test code raised is then a fault of the tests."""
    if result.verdict in (None, Verdict.PASSED) or not result.test_exception:
        return result
    return replace(result, verdict=None, reason=f"{TEST_ERROR}: {result.test_exception}")


def missing_package(result: ExecutionResult) -> str:
    """The package that a program could not import; empty if it failed for another reason, or passed."""
    return result.reason.removeprefix(MISSING_PACKAGE) if result.reason.startswith(MISSING_PACKAGE) else ""
