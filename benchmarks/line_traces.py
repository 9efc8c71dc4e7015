"""Measures what `trace_lines` costs: the time of programs with and without it, on one worker.

    python benchmarks/line_traces.py [--repeat N]

Programs: the canonical solutions of the nano suite, and one that counts in a loop, where every line is
traced. Plain and traced programs take turns, and times are wall seconds of the better of ``--repeat`` rounds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from prlcoder.executor import ExecutionRequest, Executor
from prlcoder.problems.model import CallTest, CallTests
from prlcoder.problems.nano.suite import problems
from prlcoder.spec import NanoSuite

LOOP = "def f(n):\n    total = 0\n    for k in range(n):\n        total += k\n    return total\n"
STEPS = 300_000


def seconds(executor: Executor, items: Sequence[tuple[str, CallTests]], *, trace_lines: bool) -> float:
    """How long the items take, wall seconds."""
    started = time.perf_counter()
    for result in executor.run(ExecutionRequest(program, tests, trace_lines=trace_lines) for program, tests in items):
        assert result.passed, result
        assert (result.executed_lines is not None) == trace_lines
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    suite = [one for one in problems(NanoSuite(train=300, validation=1, test=1)) if isinstance(one.tests, CallTests)]
    short = [(one.canonical, one.tests) for one in suite if isinstance(one.tests, CallTests)]
    loop = [(LOOP, CallTests("f", (CallTest((STEPS,), {}, STEPS * (STEPS - 1) // 2),)))]
    with Executor(workers=1) as executor:
        seconds(executor, short[:20], trace_lines=True)
        for name, items in ((f"{len(short)} nano programs", short), (f"a loop of {STEPS:,} steps", loop)):
            rounds = [
                [seconds(executor, items, trace_lines=traced) for traced in (False, True)]
                for _ in range(arguments.repeat)
            ]
            plain, traced = (min(times) for times in zip(*rounds, strict=True))
            print(f"{name}: {plain:.3f} s plain, {traced:.3f} s traced, ratio {traced / plain:.2f}", flush=True)


if __name__ == "__main__":
    main()
