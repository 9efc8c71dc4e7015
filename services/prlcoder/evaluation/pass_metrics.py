"""From verdicts to figures: pass@1, pass@k, best of n, and a policy's gain on the base. Pure functions.

A *greedy* outcome is one bool per problem, *sampled* outcomes are several. Problems keep their order throughout, so
that two policies' figures can be paired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import comb
from typing import Any

from prlcoder.evaluation.intervals import paired_difference, wilson


def pass_at_k(n: int, c: int, k: int) -> float:
    """Probability that at least one of ``k`` samples passed, drawn without replacement from ``n`` of which ``c``
    passed: ``1 - C(n - c, k) / C(n, k)``, the unbiased estimate of Chen et al. (2021), *Evaluating Large Language
    Models Trained on Code*, eq. 1. Raises ``ValueError`` unless ``0 <= c <= n`` and ``1 <= k <= n``: with fewer samples
    than ``k`` there is no unbiased estimate.

    >>> pass_at_k(n=4, c=1, k=2)
    0.5
    """
    if not 0 <= c <= n:
        raise ValueError(f"c = {c} passing samples must lie between 0 and n = {n}")
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} needs at least {k} samples per problem and k >= 1, and there are {n}")
    total = comb(n, k)
    return (total - comb(n - c, k)) / total


def greedy_figures(passed: Sequence[bool], difficulties: Sequence[str | None]) -> dict[str, Any]:
    """``pass@1`` with Wilson's interval, over all problems and by difficulty. ``passed`` must not be empty."""
    levels = sorted({level for level in difficulties if level is not None})
    by_level = {
        level: _rate([ok for ok, of in zip(passed, difficulties, strict=True) if of == level]) for level in levels
    }
    return {**_rate(passed), "by_difficulty": by_level}


def sampled_figures(samples: Sequence[Sequence[bool]], ks: Sequence[int]) -> dict[str, Any]:
    """Unbiased ``pass@k``, averaged over problems, with its interval, for each k that the number of samples allows."""
    n = min(map(len, samples))
    figures: dict[str, Any] = {"n": n, "ci95": {}}
    for k in sorted({k for k in ks if k <= n}):
        scores = [pass_at_k(len(row), sum(row), k) for row in samples]
        figures[f"pass@{k}"] = sum(scores) / len(scores)
        figures["ci95"][f"pass@{k}"] = list(wilson(sum(scores), len(scores)))
    return figures


def gain(after: Sequence[float], before: Sequence[float]) -> dict[str, Any]:
    """Mean of ``after - before`` over the same problems, with the paired 95 % interval."""
    difference, low, high = paired_difference(after, before)
    return {"difference": difference, "ci95": [low, high]}


def best_of_n(samples: Sequence[Sequence[bool]], scores: Mapping[str, Sequence[Sequence[float]]]) -> dict[str, Any]:
    """pass@1 if one sample per problem is chosen by a score, for each kind of score.

    Per kind: the share of problems whose highest scored sample passes (of equal scores the first), its interval, and
    the paired difference to a randomly drawn sample. ``random`` is the expected pass@1 of such a sample, and ``oracle``
    the share of problems with any passing sample: the lower and the upper reference.
    """
    at_random = [sum(row) / len(row) for row in samples]
    random_rate = sum(at_random) / len(at_random)
    by_score = {}
    for kind, per_problem in scores.items():
        picked = [row[_argmax(values)] for row, values in zip(samples, per_problem, strict=True)]
        by_score[kind] = {**_rate(picked), "vs_sampled": gain(picked, at_random)}
    oracle = sum(map(any, samples)) / len(samples)
    return {"n": min(map(len, samples)), "random": random_rate, "oracle": oracle, "by_score": by_score}


def _rate(passed: Sequence[bool]) -> dict[str, Any]:
    return {"pass@1": sum(passed) / len(passed), "n": len(passed), "ci95": list(wilson(sum(passed), len(passed)))}


def _argmax(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)
