"""Measures the memory of a supervision of many problems, which are a data set repeated with new ids.

    python benchmarks/scale.py LeetCodeDataset-v0.3.0-test.jsonl.gz --problems 10000 --out DIR [--tests 2]

There is one mutation of one step per problem, and each problem keeps its first ``--tests`` tests, so that the time goes
into the number of problems rather than into executions. Everything else is as in `prlcoder supervise`. After every
tenth of the problems it prints a JSON line (problems begun, MiB resident in the supervising process, seconds); the last
line has the peak.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

from prlcoder.executor import Executor, ResourceLimits
from prlcoder.mutator import RuleTeacher, Variant
from prlcoder.problems.model import AssertTests, Problem
from prlcoder.problems.reading import read
from prlcoder.segmenter import Segment
from prlcoder.supervision.build import Settings, build

LIMITS = ResourceLimits(cpu_s=1.0, wall_s=10.0, memory_mib=256)


class OneStep(RuleTeacher):
    """The rule teacher, asked about the last segment only."""

    def propose(self, problem_id: str, source: str, segments: list[Segment], index: int) -> list[Variant]:
        """One mutation of the last segment."""
        return super().propose(problem_id, source, segments, index) if index == len(segments) - 1 else []


def cheap(problem: Problem, tests: int) -> Problem:
    """The problem with its first tests."""
    assert isinstance(problem.tests, AssertTests)
    asserts = problem.tests.source.split("\n    assert ")
    return replace(problem, tests=replace(problem.tests, source="\n    assert ".join(asserts[: tests + 1])))


def repeated(path: str, tests: int, number: int) -> Iterator[Problem]:
    """``number`` problems with fresh ids; the file is read again for every round."""

    def rounds() -> Iterator[Problem]:
        for turn in count():
            for problem in read(path):
                yield replace(cheap(problem, tests), id=f"{problem.id}#{turn}")

    return islice(rounds(), number)


def resident_mib() -> float:
    """Resident MiB of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> None:
    """Build and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", help="a LeetCodeDataset file")
    parser.add_argument("--problems", type=int, default=10_000, metavar="N")
    parser.add_argument("--tests", type=int, default=2, metavar="N", help="tests that each problem keeps")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--workers", type=int, metavar="N")
    arguments = parser.parse_args()
    began = time.monotonic()
    passes = 0

    def watched() -> Iterator[Problem]:
        nonlocal passes
        passes += 1
        for number, problem in enumerate(repeated(arguments.file, arguments.tests, arguments.problems)):
            if passes > 1 and number % max(1, arguments.problems // 10) == 0:
                seconds = round(time.monotonic() - began)
                print(
                    json.dumps({"problems": number, "rss_mib": round(resident_mib()), "seconds": seconds}), flush=True
                )
            yield problem

    settings = Settings("block", seed=0, pairs_per_segment=1, limits=LIMITS, described=[])
    teacher = OneStep(0, mutations=1, refactorings=0)
    with Executor(workers=arguments.workers, limits=LIMITS) as executor:
        manifest, _ = build(watched, arguments.out, settings, teachers=[teacher], executor=executor)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    counts = {name: manifest["counts"][name] for name in ("problems", "executions", "steps")}
    print(json.dumps({**counts, "peak_mib": round(peak), "seconds": round(time.monotonic() - began)}))


if __name__ == "__main__":
    main()
