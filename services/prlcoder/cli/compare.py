"""``prlcoder compare DIR DIR``: compare the results of two runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prlcoder.errors import located

if TYPE_CHECKING:
    from prlcoder.report.comparison import Change, Figure, RunComparison
    from prlcoder.report.inputs import RunFiles
    from prlcoder.report.records import Summary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``prlcoder compare``."""
    parser.add_argument("first", metavar="DIR", type=Path, help="a run folder with an evaluation")
    parser.add_argument("second", metavar="DIR", type=Path, help="the run folder to compare with it")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")


def run(arguments: argparse.Namespace) -> int:
    """Print the differences between the first run and the second."""
    import json
    from dataclasses import asdict

    from prlcoder.report.comparison import compare

    folders = (arguments.first, arguments.second)
    comparison = compare(_evaluated(arguments.first), _evaluated(arguments.second))
    if arguments.json:
        print(json.dumps({"runs": [str(folder) for folder in folders], **asdict(comparison)}, indent=2))
    else:
        print(as_text(folders, comparison))
    return 0


def _evaluated(folder: Path) -> tuple[RunFiles, Summary]:
    """The files of a run folder; ``InputError`` if it is no run folder or has not been evaluated."""
    from prlcoder.report.inputs import load

    files = load(folder)
    if files.summary is None:
        path = folder / "evaluation" / "summary.json"
        raise located(
            path, None, None, "no such file", "the run has not been evaluated yet: finish it with `prlcoder run`"
        )
    return files, files.summary


def as_text(folders: Sequence[Path], comparison: RunComparison) -> str:
    """The comparison as tables, without the sections that neither run has."""
    from prlcoder.text import aligned

    head = "\n".join(f"{name}: {folder}" for name, folder in zip(("first", "second"), folders, strict=True))
    title = ["pass@1, greedy", "first", "n", "second", "n", "difference", "95 % interval, paired"]
    parts = [head, aligned([title, *map(_policy_row, comparison.policies)])]
    if notes := "\n".join(f"{c.policy}: no interval: {c.unpaired}" for c in comparison.policies if c.unpaired):
        parts.append(notes)
    for name, figures in (("reward model", comparison.reward_model), ("time, s", comparison.timings_s)):
        if figures:
            parts.append(aligned([[name, "first", "second", "difference"], *map(_figure_row, figures)]))
    return "\n\n".join(parts)


def _policy_row(change: Change) -> list[str]:
    name = change.policy if change.level is None else f"  {change.level}"
    interval = f"[{change.ci95[0]:+.3f}, {change.ci95[1]:+.3f}]" if change.ci95 else ""
    sides = ((change.first, change.first_n), (change.second, change.second_n))
    cells = [cell for value, n in sides for cell in (_number_text(value), "" if value is None else str(n))]
    return [name, *cells, _signed_text(change.difference), interval]


def _figure_row(figure: Figure) -> list[str]:
    first, second = figure.first, figure.second
    difference = None if first is None or second is None else second - first
    return [figure.name, _number_text(first), _number_text(second), _signed_text(difference)]


def _number_text(value: float | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _signed_text(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:+d}" if isinstance(value, int) else f"{value:+.3f}"
