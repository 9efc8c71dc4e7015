"""Programs that double a number, their tests, and verdicts at a glance."""

from __future__ import annotations

from collections.abc import Iterator

from prlcoder.executor import ExecutionResult, Verdict
from prlcoder.problems.model import CallTest, CallTests

TWICE = CallTests("f", tuple(CallTest((n,), {}, 2 * n) for n in range(4)))
RIGHT = "def f(n):\n    return 2 * n\n"
SLEEPY = "import time\ndef f(n):\n    time.sleep(0.3)\n    return 2 * n\n"


def verdicts(results: Iterator[ExecutionResult]) -> list[tuple[Verdict | None, str]]:
    """Verdict and reason of each result."""
    return [(result.verdict, result.reason) for result in results]
