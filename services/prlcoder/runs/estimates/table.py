"""Lays out estimates as text and as records. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from prlcoder.runs.estimates.stages import StageEstimate
from prlcoder.text import aligned

HEADER: Final = [
    "stage",
    "memory",
    "GPU memory",
    "fits a GPU of",
    "tokens read",
    "tokens written",
    "disk",
    "time",
    "cost",
]

FIGURES: Final = ("memory", "tokens", "disk", "time", "cost")


def estimate_text(estimates: Sequence[StageEstimate]) -> str:
    """A table with one line per stage, and below it how the figures were obtained."""
    lines = [aligned([HEADER, *[_cells(one) for one in estimates]])]
    return "\n".join([*lines, *_sources(estimates)])


def _sources(estimates: Sequence[StageEstimate]) -> list[str]:
    """One line per way to obtain a figure, with the stages for which it was used."""
    stages: dict[tuple[str, str], list[str]] = {}
    for one in estimates:
        for figure, how in one.how.items():
            if how:
                stages.setdefault((figure, how), []).append(one.stage)
    ordered = sorted(stages.items(), key=lambda item: FIGURES.index(item[0][0]))
    return [f"  {figure} of {', '.join(names)}: {how}" for (figure, how), names in ordered]


def estimate_record(one: StageEstimate) -> dict[str, Any]:
    """The estimate as it is written into ``estimate.json``; numbers have one decimal."""
    return {name: round(value, 1) if isinstance(value, float) else value for name, value in asdict(one).items()}


def estimate_summary(one: StageEstimate) -> dict[str, Any]:
    """The estimate as the status of a run on a cluster shows it: figures as text, and how each was obtained."""
    figures = {
        "memory": _memory(one.memory_mib) or "unknown",
        "gpuMemory": _memory(one.gpu_memory_mib),
        "gpus": one.gpus,
        "tokensRead": _count(one.tokens_read),
        "tokensWritten": _count(one.tokens_written),
        "disk": _memory(one.disk_mib) or "unknown",
        "time": _duration(one.seconds),
        "cost": "" if one.cost is None else f"{one.cost:,.2f}",
    }
    how = [f"{figure}: {one.how[figure]}" for figure in FIGURES if one.how.get(figure)]
    return {"name": one.stage, **{name: value for name, value in figures.items() if value}, "how": how}


def saved_summaries(path: Path) -> list[dict[str, Any]]:
    """The summaries of a run's ``estimate.json``; none where there is no such file."""
    try:
        stages = json.loads(path.read_text(encoding="utf-8"))["stages"]
        return [estimate_summary(StageEstimate(**record)) for record in stages.values()]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _cells(one: StageEstimate) -> list[str]:
    return [
        one.stage,
        _memory(one.memory_mib),
        _memory(one.gpu_memory_mib),
        one.gpus,
        _count(one.tokens_read),
        _count(one.tokens_written),
        _memory(one.disk_mib),
        _duration(one.seconds),
        "" if one.cost is None else f"{one.cost:,.2f}",
    ]


def _memory(mib: float | None) -> str:
    if mib is None:
        return ""
    return f"{mib / 1024:,.1f} GiB" if mib >= 1024 else f"{mib:,.0f} MiB"


def _count(tokens: float | None) -> str:
    return "unknown" if tokens is None else f"{tokens:,.0f}"


def _duration(seconds: float | None) -> str:
    """
    >>> _duration(90), _duration(5400), _duration(None)
    ('90 s', '90 min', 'unknown')
    """
    if seconds is None:
        return "unknown"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3 * 3600 else f"{seconds / 3600:.1f} h"
