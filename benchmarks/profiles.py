"""The executor under gVisor against the executor under namespaces, on one machine.

    python benchmarks/profiles.py HumanEval.jsonl.gz [--times 3] [--workers 2] [--rounds 3]

It needs root, and ``runsc`` or Go, as ``tests/executor/gvisor`` does. Each round measures both, the second one in a
restricted container under gVisor's kernel. Ratios are taken within a round, and the median over rounds is printed.

- ``programs/s``: HumanEval's canonical programs, ``--times`` over, without the start of the jails.
- ``fork``: the time from the request to the candidate's first step, median over these programs.
- ``per test``: the cost of one more standard-input test, which has a process of its own: the difference between
  programs with 21 tests and programs with one test, which only echo, divided by 20.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from statistics import median

from prlcoder.executor import ExecutionRequest, Executor
from prlcoder.problems.model import StdioTest, StdioTests
from sandbox_load import WARM_UP_PROGRAMS, canonical_requests, human_eval_rows, listed, require_passed, timed

ROOT = Path(__file__).resolve().parents[1]
UNITS = {"rate": "programs/s", "fork_ms": "ms, fork", "test_ms": "ms, per test"}
TESTS = 21
REPETITIONS = 15  # of the program with one test and of that with TESTS


def measure(problems: str, times: int, workers: int) -> dict[str, float]:
    """The figures under this machine's kernel."""
    requests = canonical_requests(human_eval_rows(problems, times))
    with Executor(workers=workers) as executor:
        list(executor.run(requests[:WARM_UP_PROGRAMS]))
        results, seconds = timed(executor, requests)
    require_passed(results)
    with Executor(workers=1) as executor:
        one, many = (echo_ms(executor, count) for count in (1, TESTS))
    fork_ms = 1000 * median(result.timings_s["fork"] for result in results)
    return {"rate": len(requests) / seconds, "fork_ms": fork_ms, "test_ms": (many - one) / (TESTS - 1)}


def echo_ms(executor: Executor, tests: int) -> float:
    """The median wall time of a program with this many tests, in milliseconds."""
    cases = StdioTests(tuple(StdioTest(f"{n}\n", f"{n}\n") for n in range(tests)))
    results = list(executor.run([ExecutionRequest("print(input())\n", cases)] * REPETITIONS))
    require_passed(results)
    return 1000 * median(result.wall_s for result in results)


def measure_in_container(problems: str, times: int, workers: int) -> dict[str, float]:
    """The same figures under gVisor."""
    sys.path.insert(0, str(ROOT))  # only a script's own folder is on the path
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
        ratio = f"{median(ratios):.2f}; rounds {listed(ratios)}"
        print(f"{unit:12s} namespaces {here:8.2f}  gvisor {there:8.2f}  ratio {ratio}")


if __name__ == "__main__":
    main()
