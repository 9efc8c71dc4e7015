"""Training curves: per stage the loss and, if it was logged, accuracies and margins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from markupsafe import Markup

from prlcoder.report import charts, names
from prlcoder.report.scales import number

MAX_POINTS = 200  # per line; a plot is about 300 pixels wide


@dataclass(frozen=True)
class Quantity:
    """One quantity of ``transformers``' log: its key there, its heading, and its unit by stage."""

    key: str
    title: str
    unit: str
    floor: float | None = None


LOSS_UNITS = {
    "pretrain": "nats per token",
    "sft": "nats per token",
    "reward": "nats per step",
    "policy": "nats per pair",
}
QUANTITIES = (
    Quantity("loss", "loss", ""),
    Quantity("accuracy", "accuracy", "share of steps"),
    Quantity("rewards/accuracies", "pairs ranked correctly", "share of pairs"),
    Quantity("rewards/margins", "reward margin", "nats"),
)


@dataclass(frozen=True)
class Panel:
    """One plot with its heading and a caption that says in words what it shows."""

    title: str
    caption: str
    chart: Markup
    legend: tuple[tuple[str, str], ...] = ()  # class and name of each line, if there are several


def panels(logs: Mapping[str, Sequence[dict[str, Any]]]) -> dict[str, tuple[Panel, ...]]:
    """Plots by training log (``sft``, ``policy/nll``); a log without any of the quantities is left out."""
    found = {name: tuple(_panels(name, rows)) for name, rows in logs.items()}
    return {name: plots for name, plots in found.items() if plots}


def _panels(name: str, rows: Sequence[dict[str, Any]]) -> list[Panel]:
    result = []
    for quantity in QUANTITIES:
        train, validation = track(rows, quantity.key), track(rows, f"eval_{quantity.key}")
        if len(train) > 1 or validation:
            result.append(_panel(name, quantity, thinned(train), validation))
    return result


def _panel(name: str, quantity: Quantity, train: list[charts.Point], validation: list[charts.Point]) -> Panel:
    unit = quantity.unit or (LOSS_UNITS.get(name, "nats per token") if "/" not in name else LOSS_UNITS["pretrain"])
    series = []
    if train:
        series.append(charts.Series("train", "training", tuple(train)))
    if validation:
        series.append(charts.Series("validation", "validation", tuple(validation), mark="dots"))
    told = "; ".join(
        f"{one.label} {number(one.points[0][1])} → {number(one.points[-1][1])}"
        if len(one.points) > 1
        else f"{one.label} {number(one.points[0][1])}"
        for one in series
    )
    spoken = f"{heading(name)}, {quantity.title} in {unit} by optimiser step: {told}"
    return Panel(quantity.title, told, charts.line_plot(series, "optimiser step", unit, spoken, quantity.floor))


def heading(name: str) -> str:
    """A log's heading: the stage, or for a folder inside a stage the control's name."""
    stage, _, inner = name.partition("/")
    return f"Control {names.policy(inner.rpartition('/')[2])}" if inner else names.stage(stage)


def track(rows: Sequence[dict[str, Any]], key: str) -> list[charts.Point]:
    """(step, value) of every record that has a finite value under ``key``."""
    values = [(row.get("step"), row.get(key)) for row in rows]
    return [
        (float(step), float(value))
        for step, value in values
        if isinstance(step, int | float) and isinstance(value, int | float) and isfinite(value)
    ]


def thinned(track: Sequence[charts.Point], most: int = MAX_POINTS) -> list[charts.Point]:
    """At most ``most`` points: each the mean of as many neighbours as that takes."""
    size = -(-len(track) // most) or 1
    groups = [track[start : start + size] for start in range(0, len(track), size)]
    return [(sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group)) for group in groups]
