"""The leak test's figures as text. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prlcoder.text import aligned

SHOWN = 12  # operators


def table(figures: Mapping[str, Any]) -> str:
    """A sentence, then the origins and those operators whose removal would lower the AUROC most."""
    place = figures["same_place"]
    lines = [
        f"AUROC {figures['auroc']:.3f} from the text of a step alone, on {figures['steps']:,} steps of "
        f"{figures['problems']:,} problems ({figures['chosen']:,} chosen); {_number(place['auroc'])} over the "
        f"{place['pairs']:,} pairs of the same place",
        verdict(figures["auroc"], figures["threshold"], figures["responsible"]),
        "",
    ]
    operators = sorted(figures["operators"], key=lambda row: (_high(row["without"]), row["operator"]))[:SHOWN]
    head = ["origin or operator", "label", "steps", "AUROC", "of all without it"]
    rows = [_row(row["origin"], row) for row in figures["origins"]]
    rows += [_row(row["operator"], row) for row in operators]
    return "\n".join([*lines, aligned([head, *rows])])


def verdict(auroc: float | None, threshold: float, responsible: Sequence[str]) -> str:
    """Whether the text leaks, and by whose fault."""
    if auroc is None:
        return "not known: all steps have the same label"
    if auroc <= threshold:
        return f"at most {threshold:g}: style does not betray the label"
    if not responsible:
        return f"above {threshold:g}, and no operator is responsible"
    return f"above {threshold:g}, but not without {', '.join(responsible)}"


def _row(name: str, row: Mapping[str, Any]) -> list[str]:
    return [name, row["label"], f"{row['n']:,}", _number(row["auroc"]), _number(row["without"])]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _high(value: float | None) -> float:
    return 2.0 if value is None else value
