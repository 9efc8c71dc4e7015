"""Measures the speed of the rule teacher and the share of each operator.

    python benchmarks/mutator.py [PROBLEMS ...] [--limit N]

Sources are problem files in any format that `prlcoder problems` reads, or `nano`; by default the published sets in
../shared/data if that folder exists, else `nano`. One process; rates are per second of its CPU time, without
segmentation. The reference is `compile()` of a whole program, which a teacher that checked every variant in this way
would need per variant. The ratio to it does not depend on the speed or load of the machine.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import get_args

from prlcoder.mutator import RuleTeacher, Variant
from prlcoder.mutator.equivalence import fingerprint
from prlcoder.problems.reading import read
from prlcoder.segmenter import Mode, segment

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SETS = ("HumanEval", "mbpp", "LeetCodeDataset-v0.3.0-test")


def programs(sources: list[str], limit: int | None) -> list[str]:
    """The canonical program of each problem that has one."""
    chosen = sources or ([str(DATA / f"{name}.jsonl.gz") for name in SETS] if DATA.is_dir() else ["nano"])
    return [
        problem.canonical
        for source in chosen
        for problem in read(source, skip_invalid=True, limit=limit)
        if problem.solutions
    ]


def propose(sources: list[str], mode: Mode) -> tuple[float, int, list[Variant]]:
    """CPU seconds, steps, and all variants of all steps."""
    teacher, seconds, steps = RuleTeacher(seed=0), 0.0, 0
    variants: list[Variant] = []
    for source in sources:
        parts = segment(source, mode)
        steps += sum(part.is_step for part in parts)
        start = time.process_time()
        for index in range(len(parts)):
            variants += teacher.propose("benchmark", source, parts, index)
        seconds += time.process_time() - start
    return seconds, steps, variants


def report(mode: Mode, sources: list[str], floor: float) -> None:
    """Print one mode's rate and shares."""
    seconds, steps, variants = propose(sources, mode)
    mutations = [variant for variant in variants if variant.kind == "mutation"]
    double = sum("+" in variant.operator for variant in mutations) / len(mutations)
    print(f"\nmode {mode}: {len(variants):,} variants of {steps:,} steps in {seconds:.2f} s CPU", end="")
    print(f" = {len(variants) / seconds:,.0f}/s, {1e3 * seconds / len(variants):.3f} ms each", end="")
    print(f" ({seconds / len(variants) / floor:.1f} times compile()); {double:.0%} of mutations of two operators")
    names = Counter(name for variant in variants for name in variant.operator.split("+"))
    for name, count in names.most_common():
        print(f"  {name:28}{count:7,}{count / len(variants):8.1%}")


def main() -> None:
    """Measure and print both modes."""
    parser = argparse.ArgumentParser(description="Variants per second, and the share of each operator.")
    parser.add_argument("sources", nargs="*", help="problem files, or nano")
    parser.add_argument("--limit", type=int, help="at most this many problems of each source")
    arguments = parser.parse_args()
    sources = programs(arguments.sources, arguments.limit)
    start = time.process_time()
    for source in sources:
        fingerprint(source)
    floor = (time.process_time() - start) / len(sources)
    print(f"{len(sources):,} programs, {1e3 * floor:.3f} ms to compile one")
    for mode in get_args(Mode):
        report(mode, sources, floor)


if __name__ == "__main__":
    main()
