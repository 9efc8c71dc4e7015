"""How well step probabilities separate right steps from wrong ones: accuracy, AUROC, calibration. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from prlcoder.prm.calibration import auroc

BINS = 10


@dataclass(frozen=True)
class JudgedStep:
    """A step whose label is known. ``position`` is the share of its program up to the step's end, in (0, 1]."""

    right: bool
    probability: float
    position: float
    kind: str
    problem_id: str = ""
    text: str = ""


def figures(steps: Sequence[JudgedStep]) -> dict[str, Any]:
    """All figures of a set of steps. ``positive`` is the share of right steps. ``majority`` is the accuracy of always
    giving the more frequent answer, which a useful model must exceed."""
    if not steps:
        return {"n": 0}
    positive = sum(step.right for step in steps) / len(steps)
    return {
        "n": len(steps),
        "positive": positive,
        "majority": max(positive, 1 - positive),
        "accuracy": accuracy(steps),
        "false_positive_rate": false_positive_rate(steps),
        "auroc": auroc([(step.probability, step.right) for step in steps]),
        "auroc_within_problems": auroc_within([(step.problem_id, step.probability, step.right) for step in steps]),
        "ece": calibration_error(steps),
        "calibration": [calibration for calibration in calibration_bins(steps) if calibration["n"]],
        "by_position": _grouped(steps, lambda step: str(decile(step.position))),
        "by_kind": _grouped(steps, lambda step: step.kind),
    }


def accuracy(steps: Sequence[JudgedStep]) -> float:
    """Share of steps whose label agrees with ``probability >= 0.5``."""
    return sum((step.probability >= 0.5) == step.right for step in steps) / len(steps)


def false_positive_rate(steps: Sequence[JudgedStep]) -> float | None:
    """Share of the wrong steps with ``probability >= 0.5``; None if no step is wrong."""
    wrong = [step for step in steps if not step.right]
    return sum(step.probability >= 0.5 for step in wrong) / len(wrong) if wrong else None


def auroc_within(scored: Iterable[tuple[str, float, bool]]) -> float | None:
    """AUROC over the pairs of a right and a wrong item of the same group, from (group, score, right).

    Every pair has the same weight. None if no group has both kinds. A score that only tells easy problems from hard
    ones gives 0.5.
    """
    groups: dict[str, list[tuple[float, bool]]] = {}
    for group, score, right in scored:
        groups.setdefault(group, []).append((score, right))
    won, pairs = 0.0, 0
    for members in groups.values():
        rights = sum(right for _, right in members)
        count = rights * (len(members) - rights)
        won, pairs = won + count * (auroc(members) or 0.0), pairs + count
    return won / pairs if pairs else None


def calibration_bins(steps: Sequence[JudgedStep]) -> list[dict[str, Any]]:
    """Ten equal bins of probability, each with its number of steps, their mean probability and the share that is
    right."""
    bins: list[list[JudgedStep]] = [[] for _ in range(BINS)]
    for step in steps:
        bins[min(int(step.probability * BINS), BINS - 1)].append(step)
    return [
        {
            "n": len(inside),
            "probability": sum(step.probability for step in inside) / len(inside) if inside else None,
            "right": sum(step.right for step in inside) / len(inside) if inside else None,
        }
        for inside in bins
    ]


def calibration_error(steps: Sequence[JudgedStep]) -> float:
    """Expected calibration error: mean over steps of |mean probability - share right| of the step's bin."""
    total = sum(bin["n"] * abs(bin["probability"] - bin["right"]) for bin in calibration_bins(steps) if bin["n"])
    return float(total) / len(steps)


def decile(position: float) -> int:
    """0 for a step that ends in the first tenth of its program, up to 9."""
    return min(int(position * BINS), BINS - 1)


def _grouped(steps: Sequence[JudgedStep], key: Callable[[JudgedStep], str]) -> dict[str, dict[str, Any]]:
    names = sorted({key(step) for step in steps})
    groups = {name: [step for step in steps if key(step) == name] for name in names}
    return {
        name: {
            "n": len(inside),
            "accuracy": accuracy(inside),
            "auroc": auroc([(step.probability, step.right) for step in inside]),
        }
        for name, inside in groups.items()
    }
