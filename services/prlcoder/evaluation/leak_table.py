"""The leak test's figures as text. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prlcoder.text import aligned

MAX_OPERATORS_SHOWN = 12
MAX_OPERATORS_NAMED = 6  # in a sentence; the table and the JSON have all


def table(figures: Mapping[str, Any]) -> str:
    """A summary, then a table of the origins and of the operators whose removal would lower the AUROC most."""
    place = figures["same_place"]
    lines = [
        f"AUROC {figures['auroc']:.3f} from the text of a step alone, on {figures['steps']:,} steps of "
        f"{figures['problems']:,} problems ({figures['chosen']:,} chosen); {_format_auroc(place['auroc'])} over the "
        f"{place['pairs']:,} pairs of the same segment",
        verdict(figures["auroc"], figures["threshold"], figures["responsible"]),
        "",
    ]
    operators = sorted(figures["operators"], key=lambda row: (_missing_last(row["without"]), row["operator"]))[
        :MAX_OPERATORS_SHOWN
    ]
    head = ["origin or operator", "label", "steps", "AUROC", "of all without it"]
    rows = [_table_row(row["origin"], row) for row in figures["origins"]]
    rows += [_table_row(row["operator"], row) for row in operators]
    return "\n".join([*lines, aligned([head, *rows])])


def verdict(auroc: float | None, threshold: float, responsible: Sequence[str]) -> str:
    """Whether the text leaks the label, and which operators are responsible."""
    if auroc is None:
        return "unknown, because all steps have the same label"
    if auroc <= threshold:
        return f"at most {threshold:g}: style does not reveal the label"
    if not responsible:
        return f"above {threshold:g}, and no operator is responsible"
    return f"above {threshold:g}; without {listed(responsible)} it would not be"


def listed(names: Sequence[str]) -> str:
    """The first ``MAX_OPERATORS_NAMED`` names, and how many others there are."""
    named, others = ", ".join(names[:MAX_OPERATORS_NAMED]), len(names) - MAX_OPERATORS_NAMED
    return f"{named} and {others} others" if others > 0 else named


def _table_row(name: str, row: Mapping[str, Any]) -> list[str]:
    return [name, row["label"], f"{row['n']:,}", _format_auroc(row["auroc"]), _format_auroc(row["without"])]


def _format_auroc(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _missing_last(value: float | None) -> float:
    return 2.0 if value is None else value
