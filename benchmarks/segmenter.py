"""Measures segments per second on one core, and the time of Python's own parser and tokenizer on the same programs.

    python benchmarks/segmenter.py [--repeat N]

Programs: every canonical solution of the published sets in ../shared/data; if that folder is absent, the modules of the
standard library. Times are CPU seconds of this process, the best of ``--repeat`` rounds. The peer is ``ast.parse``
followed by ``tokenize``, the minimum for a segmenter built on the standard library; it is measured in the same rounds.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import io
import json
import sysconfig
import time
import tokenize
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import get_args

from prlcoder.segmenter import Mode, segment

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SETS = ("HumanEval", "mbpp", "LeetCodeDataset-v0.2.0-train", "LeetCodeDataset-v0.3.0-test")


def programs() -> tuple[str, list[str]]:
    """What the programs are, and the programs."""
    if DATA.is_dir():
        return "canonical solutions of ../shared/data", [text for name in SETS for text in _solutions(name)]
    modules = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    sources = [path.read_text(encoding="utf-8") for path in modules]
    return "modules of the standard library", [text for text in sources if ast.parse(text).body]


def _solutions(name: str) -> list[str]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    if name == "HumanEval":
        return [row["prompt"] + row["canonical_solution"] for row in rows]
    return [row["code" if name == "mbpp" else "completion"] for row in rows]


def _cpu_seconds(work: Callable[[str], object], sources: list[str]) -> float:
    start = time.process_time()
    for source in sources:
        work(source)
    return time.process_time() - start


def _tokenize(source: str) -> None:
    for _ in tokenize.generate_tokens(io.StringIO(source, newline=None).readline):
        pass


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Segments per second, beside ast.parse and tokenize.")
    parser.add_argument("--repeat", type=int, default=5, help="rounds; the best counts (default: %(default)s)")
    rounds = range(parser.parse_args().repeat)
    name, sources = programs()
    modes: tuple[Mode, ...] = get_args(Mode)
    work: dict[str, Callable[[str], object]] = {"ast.parse": ast.parse, "tokenize": _tokenize}
    work |= {mode: partial(segment, mode=mode) for mode in modes}
    taken = [{label: _cpu_seconds(one, sources) for label, one in work.items()} for _ in rounds]
    best = {label: min(seconds[label] for seconds in taken) for label in work}
    peer = best["ast.parse"] + best["tokenize"]
    size = sum(map(len, sources)) / 1e6
    print(f"{len(sources):,} {name}, {size:.2f} million characters; CPU time, best of {len(rounds)}")
    print(f"{'peer: ast.parse, then tokenize':32}{peer:8.3f} s   ({best['ast.parse']:.3f} s of it ast.parse)")
    for mode in modes:
        count = sum(len(segment(source, mode)) for source in sources)
        rate = count / best[mode]
        print(f"{f'segment, mode {mode}':32}{best[mode]:8.3f} s   {best[mode] / peer:.2f} of the peer's time,", end="")
        print(f" {rate:,.0f} segments/s of {count:,}, {size / best[mode]:.1f} million characters/s")


if __name__ == "__main__":
    main()
