"""Logistic regression with an L2 penalty on sparse binary rows, by L-BFGS. It needs only numpy and is deterministic."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from prlcoder.evaluation.text_features import BUCKETS, SparseRows

Vector = NDArray[np.float64]
HISTORY_LENGTH = 8  # pairs of step and gradient change that approximate the Hessian
MAX_ITERATIONS = 100
TOLERANCE = 1e-3  # largest gradient component at the end, relative to that at the start


def fit(rows: SparseRows, right: NDArray[np.bool_], inverse_penalty: float) -> Vector:
    """Weights ``(BUCKETS,)`` that minimise the sum of log losses plus ``|w|^2 / (2 * inverse_penalty)``.

    Each row is scaled to Euclidean length 1, so long texts do not outweigh short ones. Columns that only one row has
    get no weight: they say nothing about other rows, and there are many of them. Raises ``ValueError`` if there are no
    rows.
    """
    if not len(rows):
        raise ValueError("there are no rows to learn from")
    scale = _scale(rows)
    row_of = np.repeat(np.arange(len(rows), dtype=np.int32), np.diff(rows.starts))
    shared = np.flatnonzero(np.bincount(rows.columns, minlength=BUCKETS) > 1)
    number = np.full(BUCKETS, -1, np.int32)
    number[shared] = np.arange(len(shared))
    is_shared = number[rows.columns] >= 0
    columns, row_of = number[rows.columns[is_shared]], row_of[is_shared]
    signs = np.where(right, 1.0, -1.0)

    def loss(weights: Vector) -> tuple[float, Vector]:
        margins = signs * scale * np.bincount(row_of, weights=weights[columns], minlength=len(rows))
        value = np.logaddexp(0.0, -margins).sum() + weights @ weights / (2 * inverse_penalty)
        slope = -signs * scale / (1.0 + np.exp(np.clip(margins, -500, 500)))
        gradient = np.bincount(columns, weights=slope[row_of], minlength=len(shared))
        return float(value), gradient + weights / inverse_penalty

    weights = np.zeros(BUCKETS)
    weights[shared] = minimise(loss, np.zeros(len(shared)))
    return weights


def margin(rows: SparseRows, weights: Vector) -> Vector:
    """The log-odds that each row is right."""
    if not len(rows):
        return np.zeros(0)
    sums: Vector = np.add.reduceat(weights[rows.columns], rows.starts[:-1])
    return sums * _scale(rows)


def minimise(loss: Callable[[Vector], tuple[float, Vector]], start: Vector) -> Vector:
    """The minimum of a convex ``loss`` (value and gradient), by L-BFGS (Nocedal 1980) with a backtracking search."""
    point = start
    value, gradient = loss(point)
    tolerance = TOLERANCE * float(np.abs(gradient).max())
    history: deque[tuple[Vector, Vector]] = deque(maxlen=HISTORY_LENGTH)
    for _ in range(MAX_ITERATIONS):
        if float(np.abs(gradient).max()) <= tolerance:
            break
        direction = -_times_inverse_hessian(gradient, history)
        slope = float(gradient @ direction)
        length = 1.0 if history else 1.0 / max(1.0, float(np.linalg.norm(gradient)))
        while True:
            next_point = point + length * direction
            next_value, next_gradient = loss(next_point)
            if next_value <= value + 1e-4 * length * slope:
                break
            length /= 2
            if length < 1e-12:  # rounding errors are larger than any further progress
                return point
        change = next_gradient - gradient
        if float(change @ (next_point - point)) > 0:
            history.append((next_point - point, change))
        point, value, gradient = next_point, next_value, next_gradient
    return point


def _times_inverse_hessian(gradient: Vector, history: deque[tuple[Vector, Vector]]) -> Vector:
    """The product of the approximate inverse Hessian and the gradient, by the two-loop recursion."""
    result = gradient.copy()
    taken = []
    for step, change in reversed(history):
        share = float(step @ result) / float(change @ step)
        taken.append(share)
        result -= share * change
    if history:
        step, change = history[-1]
        result *= float(step @ change) / float(change @ change)
    for (step, change), share in zip(history, reversed(taken), strict=True):
        result += (share - float(change @ result) / float(change @ step)) * step
    return result


def _scale(rows: SparseRows) -> Vector:
    scale: Vector = 1.0 / np.sqrt(np.diff(rows.starts))
    return scale
