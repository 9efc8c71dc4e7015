"""95 % intervals for the difference of two classifiers' figures on the same steps, by a paired bootstrap over problems.

Steps of one problem depend on each other, so whole problems are drawn with replacement. Both classifiers are measured
on the same draws, so that problems which are easy or hard for both do not widen the interval. Deterministic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
SEED = 0

StepScores = NDArray[np.float64]
StepLabels = NDArray[np.bool_]
PairedMetric = Callable[[StepScores, StepLabels], float | None]
"""A figure of scores and labels; None if it is undefined for them."""


def auroc(scores: StepScores, right: StepLabels) -> float | None:
    """Probability that a right step's score exceeds a wrong step's; ties count half. None if either kind is missing."""
    rights, wrongs = scores[right], np.sort(scores[~right])
    if not len(rights) or not len(wrongs):
        return None
    below, not_above = (np.searchsorted(wrongs, rights, side) for side in ("left", "right"))
    return float(below.sum() + not_above.sum()) / 2 / (len(rights) * len(wrongs))


def accuracy(scores: StepScores, right: StepLabels) -> float:
    """Share of steps whose label agrees with ``score >= 0.5``."""
    return float(((scores >= 0.5) == right).mean())


METRICS: Mapping[str, PairedMetric] = {"auroc": auroc, "accuracy": accuracy}


def paired_bootstrap(
    problem_ids: Sequence[str],
    right: Sequence[bool],
    ours: Sequence[float],
    theirs: Sequence[float],
    metrics: Mapping[str, PairedMetric] = METRICS,
) -> dict[str, dict[str, object]]:
    """For each metric ``difference`` (ours minus theirs) and the percentile interval ``ci95``.

    All arguments have one entry per step. A metric that is undefined for these steps is left out.
    """
    labels, own, other = np.array(right, bool), np.array(ours, float), np.array(theirs, float)
    members = [np.flatnonzero(np.array(problem_ids) == problem) for problem in dict.fromkeys(problem_ids)]
    generator = np.random.default_rng(SEED)
    drawn: dict[str, list[float]] = {name: [] for name in metrics}
    for _ in range(RESAMPLES if members else 0):
        chosen = np.concatenate([members[index] for index in generator.integers(len(members), size=len(members))])
        for name, metric in metrics.items():
            difference = _difference(metric, labels[chosen], own[chosen], other[chosen])
            if difference is not None:
                drawn[name].append(difference)
    found: dict[str, dict[str, object]] = {}
    for name, metric in metrics.items():
        difference = _difference(metric, labels, own, other) if members else None
        if difference is not None:
            low, high = np.percentile(drawn[name], [2.5, 97.5])
            found[name] = {"difference": difference, "ci95": [float(low), float(high)]}
    return found


def _difference(metric: PairedMetric, right: StepLabels, ours: StepScores, theirs: StepScores) -> float | None:
    first, second = metric(ours, right), metric(theirs, right)
    return None if first is None or second is None else first - second
