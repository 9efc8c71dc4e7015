"""``prlcoder export``: write a supervision folder in the format of another trainer."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

FORMATS = ("trl-preference", "stepwise", "orm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``prlcoder export``."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="a finished supervision folder")
    parser.add_argument("--format", required=True, choices=FORMATS, help="format of the rows")
    parser.add_argument("--problems", required=True, metavar="P", help="the problem set that DIR was built from")
    parser.add_argument(
        "--problem-format", default="auto", metavar="F", help="format of the problem set (default: detected)"
    )
    parser.add_argument("--out", type=Path, metavar="OUT.jsonl", help="file for the rows (default: standard output)")


def run(arguments: argparse.Namespace) -> int:
    """Write one JSON object per line."""
    from prlcoder.files import writer
    from prlcoder.problems.reading import read
    from prlcoder.supervision.export import export

    problems = read(arguments.problems, format=arguments.problem_format)
    count = 0
    with writer(arguments.out, sys.stdout) as write:
        for row in export(arguments.folder, arguments.format, problems):
            write(row)
            count += 1
    print(f"{count:,} rows", file=sys.stderr)
    return 0
