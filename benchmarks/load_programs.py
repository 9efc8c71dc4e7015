"""Programs whose right result is known and unique, so that a result of another program is noticed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from prlcoder.executor import ExecutionRequest, ExecutionResult, ResourceLimits, Verdict
from prlcoder.problems.model import CallTest, CallTests, StdioTest, StdioTests

KINDS: Final = ("prints", "differs", "returns", "raises", "broken")
SLEEPER_INTERVAL: Final = 40  # every so many programs, one meets its wall limit
SLEEP_LIMITS: Final = ResourceLimits(wall_s=0.2)


@dataclass(frozen=True)
class Known:
    """A program with its expected result. ``reason`` and ``answer`` are not checked if they are None."""

    number: int
    item: ExecutionRequest
    verdict: Verdict
    reason: str | None = ""
    answer: bytes | None = None

    def fault(self, result: ExecutionResult) -> str | None:
        """What is wrong with a result of this program; None if it is right."""
        found = (result.verdict, result.reason if self.reason is not None else None)
        if found != (self.verdict, self.reason):
            return f"program {self.number}: {result.verdict}, {result.reason!r}, not {self.verdict}, {self.reason!r}"
        if self.answer is not None and result.answers != (self.answer,):
            return f"program {self.number}: answered {result.answers!r}, not {self.answer!r}"
        return None


def known(number: int) -> Known:
    """The program of this number; all are different."""
    if number % SLEEPER_INTERVAL == SLEEPER_INTERVAL - 1:
        tests = CallTests("f", (CallTest((number,), {}, number),))
        program = f"import time\ndef f(n):\n    time.sleep(600)  # {number}\n    return n\n"
        return Known(number, ExecutionRequest(program, tests, limits=SLEEP_LIMITS), Verdict.TIMEOUT, "wall")
    right = f"{number} {number * number}\n"
    prints = f"n = int(input())\ntotal = sum(range(2000)) * 0\nprint(n + total, n * n)  # {number}\n"
    match KINDS[number % len(KINDS)]:
        case "prints":
            return Known(number, _stdio(prints, number, right), Verdict.PASSED, answer=right.encode())
        case "differs":  # the test expects another number than the program prints
            item = _stdio(prints, number, f"{number + 1}\n")
            return Known(number, item, Verdict.WRONG_ANSWER, answer=right.encode())
        case "raises":
            name = f"E{number}"
            program = f"class {name}(Exception):\n    pass\ndef f(n):\n    raise {name}\n"
            return Known(number, _call(program, number), Verdict.RUNTIME_ERROR, name)
        case "broken":
            return Known(number, _call(f"def f(n):\n    return (n {number}\n", number), Verdict.COMPILE_ERROR, None)
    program = f"def f(n):\n    return [n, n * n, '{number}']\n"
    return Known(number, _call(program, number, [number, number * number, str(number)]), Verdict.PASSED)


def _stdio(program: str, number: int, expected: str) -> ExecutionRequest:
    return ExecutionRequest(program, StdioTests((StdioTest(f"{number}\n", expected),)), keep_answers=True)


def _call(program: str, number: int, expected: object = 0) -> ExecutionRequest:
    return ExecutionRequest(program, CallTests("f", (CallTest((number,), {}, expected),)))
