"""How well log-odds separate right steps from wrong ones, and their calibration on held-out labels. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

MAX_ITERATIONS: Final = 50
RIDGE: Final = 1e-2  # pulls towards no change, so that few or separable labels give a finite result


@dataclass(frozen=True)
class Calibration:
    """``(odds + offset) / temperature`` are the calibrated log-odds."""

    temperature: float = 1.0
    offset: float = 0.0

    def apply(self, odds: float) -> float:
        """The calibrated log-odds."""
        return (odds + self.offset) / self.temperature


def auroc(scored: Iterable[tuple[float, bool]]) -> float | None:
    """Probability that a right step's score exceeds a wrong step's; ties count half. None if either kind is missing,
    and if a score is NaN, which has no rank.

    >>> auroc([(0.1, False), (0.4, True), (0.4, False), (0.9, True)])
    0.875
    """
    ordered = sorted(scored)
    if any(math.isnan(score) for score, _ in ordered):
        return None
    rank_sum, start = 0.0, 0
    while start < len(ordered):
        end = start
        while end < len(ordered) and ordered[end][0] == ordered[start][0]:
            end += 1
        rank_sum += (start + end + 1) / 2 * sum(right for _, right in ordered[start:end])  # mean of ranks start+1..end
        start = end
    rights = sum(right for _, right in ordered)
    wrongs = len(ordered) - rights
    if rights == 0 or wrongs == 0:
        return None
    return (rank_sum - rights * (rights + 1) / 2) / (rights * wrongs)


def calibrated(scored: Sequence[tuple[float, bool]]) -> Calibration:
    """The temperature and offset that minimise the cross-entropy of labelled log-odds (Platt 1999; Guo et al. 2017).

    No calibration can change the order of scores, so a negative slope, and labels of one kind only, give no change.
    Neither do log-odds that are not finite.
    """
    if len({right for _, right in scored}) < 2 or not all(math.isfinite(odds) for odds, _ in scored):
        return Calibration()
    point = (1.0, 0.0)  # slope and intercept
    value = _objective(scored, *point)
    for _ in range(MAX_ITERATIONS):
        step = _newton_step(scored, *point)
        while max(map(abs, step)) > 1e-9:  # the objective is convex, but a full step may overshoot
            tried = (point[0] - step[0], point[1] - step[1])
            lower = _objective(scored, *tried)
            if lower <= value:
                break
            step = (step[0] / 2, step[1] / 2)
        else:
            break
        point, value = tried, lower
    slope, intercept = point
    return Calibration(1.0 / slope, intercept / slope) if slope > 0 else Calibration()


def _objective(scored: Sequence[tuple[float, bool]], slope: float, intercept: float) -> float:
    """Cross-entropy summed over the labels, plus the ridge."""
    loss = sum(_softplus((slope * odds + intercept) * (-1.0 if right else 1.0)) for odds, right in scored)
    return loss + RIDGE / 2 * ((slope - 1.0) ** 2 + intercept**2)


def _newton_step(scored: Sequence[tuple[float, bool]], slope: float, intercept: float) -> tuple[float, float]:
    """The inverse of the Hessian times the gradient of ``_objective``."""
    by_slope, by_intercept = RIDGE * (slope - 1.0), RIDGE * intercept
    squares, products, ones = RIDGE, 0.0, RIDGE
    for odds, right in scored:
        chance = _sigmoid(slope * odds + intercept)
        error, weight = chance - right, chance * (1.0 - chance)
        by_slope, by_intercept = by_slope + error * odds, by_intercept + error
        squares, products, ones = squares + weight * odds * odds, products + weight * odds, ones + weight
    determinant = squares * ones - products**2
    return (
        (ones * by_slope - products * by_intercept) / determinant,
        (squares * by_intercept - products * by_slope) / determinant,
    )


def _softplus(value: float) -> float:
    return max(value, 0.0) + math.log1p(math.exp(-abs(value)))


def _sigmoid(value: float) -> float:
    if value < -700:  # exp would overflow
        return 0.0
    return 1.0 / (1.0 + math.exp(-value))
