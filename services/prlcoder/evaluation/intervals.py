"""95 % confidence intervals for pass rates and for their paired differences. Pure functions, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

Z95 = 1.959963984540054  # the 97.5 % quantile of the standard normal distribution


def wilson(passed: float, n: int) -> tuple[float, float]:
    """Wilson's score interval for ``passed`` of ``n`` (Wilson 1927), both ends in [0, 1].

    Unlike the textbook interval it stays sensible at 0 and at ``n`` passes; ``n = 0`` gives ``(0, 1)``. ``passed`` may
    be a sum of scores in [0, 1] (such as pass@k of each problem): their variance is at most that of 0/1 scores of the
    same mean, so the interval then errs on the wide side. ``ValueError`` unless ``0 <= passed <= n``.
    """
    if not 0 <= passed <= n:
        raise ValueError(f"passed = {passed} must lie between 0 and n = {n}")
    if n == 0:
        return 0.0, 1.0
    rate, spread = passed / n, Z95**2 / n
    centre = (rate + spread / 2) / (1 + spread)
    half = Z95 * sqrt((rate * (1 - rate) + spread / 4) / n) / (1 + spread)
    low = 0.0 if passed == 0 else max(0.0, centre - half)  # exact at the ends, where rounding would leave a residue
    high = 1.0 if passed == n else min(1.0, centre + half)
    return low, high


def paired_difference(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float]:
    """Mean of ``a[i] - b[i]`` with its 95 % interval: ``(mean, low, high)``, for scores in [0, 1].

    ``a[i]`` and ``b[i]`` are two policies' scores (1 passed, 0 not, or a mean over samples) on the same
    problem, so problems that are easy or hard for both do not widen the interval. It is the normal interval
    of the differences after one imagined problem won by each side is added: for 0/1 scores exactly the
    adjusted Wald interval of Bonett and Price (2012), which holds its level in small samples and does not
    shrink to a point when all differences are equal. ``mean`` is that of the real problems alone.
    ``ValueError`` for no or unequal numbers of scores, or scores outside [0, 1].
    """
    if len(a) != len(b) or not a:
        raise ValueError(f"paired scores must be equally many and at least one, not {len(a)} and {len(b)}")
    if not all(0 <= score <= 1 for score in (*a, *b)):
        raise ValueError("scores must lie between 0 and 1")
    differences = [after - before for after, before in zip(a, b, strict=True)]
    count = len(differences) + 2
    centre = sum(differences) / count
    variance = (sum(difference**2 for difference in differences) + 2) / count - centre**2
    half = Z95 * sqrt(variance / count)
    return sum(differences) / len(differences), max(-1.0, centre - half), min(1.0, centre + half)
