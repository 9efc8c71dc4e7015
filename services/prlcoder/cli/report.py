"""``prlcoder report DIR``: write the report of a run folder, finished or not."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``prlcoder report``."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="a run folder, as `prlcoder run` writes it")


def run(arguments: argparse.Namespace) -> int:
    """Write ``DIR/report.html`` and print its path."""
    from prlcoder.report import build

    print(build(arguments.folder))
    return 0
