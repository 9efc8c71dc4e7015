"""Runs of a cluster as text: one line per run, or one run with its stages. The words are those of a run here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from prlcoder.text import aligned

STATES: Final = {
    "Pending": "to do",
    "Waiting": "waiting",
    "Running": "running",
    "Suspended": "suspended",
    "Done": "done",
    "Given": "given",
    "Failed": "failed",
}
"""The operator's word for the state of a stage, and that of ``state.json``."""


def run_table(runs: Sequence[Mapping[str, Any]], now: datetime, *, with_namespace: bool) -> str:
    """The runs, oldest first, with the columns that `kubectl get trun` has."""
    in_order = sorted(runs, key=lambda run: str(run["metadata"]["creationTimestamp"]))
    header = ["run", "phase", "stage", "step", "restarts", "age", "reason"]
    rows = [_run_row(run, now) for run in in_order]
    if with_namespace:
        header = ["namespace", *header]
        rows = [[run["metadata"]["namespace"], *row] for run, row in zip(in_order, rows, strict=True)]
    return aligned([header, *rows], numbers=False)


def _run_row(run: Mapping[str, Any], now: datetime) -> list[str]:
    status = run.get("status") or {}
    return [
        run["metadata"]["name"],
        status.get("phase", "Pending"),
        status.get("stage", "-"),
        status.get("step", "-"),
        str(status.get("restarts", 0)),
        age(run["metadata"]["creationTimestamp"], now),
        status.get("reason", "-"),
    ]


def run_text(run: Mapping[str, Any]) -> str:
    """One run: its phase, what is wrong with it, its stages and its results."""
    status = run.get("status") or {}
    lines = [f"run {run['metadata']['name']}: {status.get('phase', 'Pending')}"]
    if "eta" in status:
        lines[0] += f", about {status['eta']} left of stage {status.get('stage')}"
    lines += [
        f"{condition['type']}: {condition['reason']}: {condition['message']}"
        for condition in status.get("conditions") or []
        if condition["status"] == "True" and condition["type"] != "Complete"
    ]
    if not status:
        lines.append("no operator has looked at it yet; if this stays so, see whether the operator runs")
    if stages := status.get("stages"):
        header = ["stage", "state", "step", "checkpoint", "restarts", "reason"]
        lines += ["", aligned([header, *(_stage_row(stage) for stage in stages)], numbers=False)]
    if needs := status.get("plan"):
        header = ["needs", "memory", "GPUs", "tokens read", "tokens written", "disk", "time"]
        lines += ["", aligned([header, *(_need_row(need) for need in needs)], numbers=False)]
    if results := status.get("results"):
        lines += ["", aligned([["result", "value"], *([one["name"], one["value"]] for one in results)])]
    return "\n".join(lines)


def _need_row(need: Mapping[str, Any]) -> list[str]:
    names = ("memory", "gpus", "tokensRead", "tokensWritten", "disk", "time")
    return [need["name"], *(need.get(name, "-") for name in names)]


def _stage_row(stage: Mapping[str, Any]) -> list[str]:
    restarts = ", ".join(f"{one['count']} {one['reason']}" for one in stage.get("restarts") or [])
    state = STATES.get(stage["state"], stage["state"])
    return [
        stage["name"],
        state,
        stage.get("step", "-"),
        stage.get("checkpoint", "-"),
        restarts or "-",
        stage.get("reason", "-"),
    ]


def age(created: str, now: datetime) -> str:
    """The time since ``created`` in one unit.

    >>> age("2026-01-01T00:00:00Z", datetime(2026, 1, 1, 5, 59, tzinfo=UTC))
    '5h'
    """
    seconds = max(0, int((now - datetime.fromisoformat(created)).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)
