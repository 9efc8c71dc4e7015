"""From verdicts to figures: pass@1, pass@k, best of n, and what a policy gained on the base. Pure.

A *greedy* outcome is one bool a problem; *sampled* outcomes are equally many bools a problem. Problems keep their
order throughout, so that two policies' figures can be paired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prlcoder.evaluation.intervals import paired_difference, wilson
from prlcoder.evaluation.passk import pass_at_k


def greedy_figures(passed: Sequence[bool], difficulties: Sequence[str | None]) -> dict[str, Any]:
    """``pass@1`` with Wilson's interval, over all problems and by difficulty. ``passed`` must not be empty."""
    levels = sorted({level for level in difficulties if level is not None})
    by_level = {
        level: _rate([ok for ok, of in zip(passed, difficulties, strict=True) if of == level]) for level in levels
    }
    return {**_rate(passed), "by_difficulty": by_level}


def sampled_figures(samples: Sequence[Sequence[bool]], ks: Sequence[int]) -> dict[str, Any]:
    """Unbiased ``pass@k`` with its interval for each k that the number of samples allows, averaged over problems."""
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
    """What reranking the samples by a score gives, for each kind of score, e.g. ``{"mean": ..., "min": ...}``.

    Each kind: the share of problems whose highest scored sample passes (the first of equals), its interval, and the
    paired difference to a sample drawn at random. ``oracle`` is the share with any passing sample: the ceiling.
    """
    at_random = [sum(row) / len(row) for row in samples]
    by_score = {}
    for kind, per_problem in scores.items():
        picked = [row[_argmax(values)] for row, values in zip(samples, per_problem, strict=True)]
        by_score[kind] = {**_rate(picked), "vs_sampled": gain(picked, at_random)}
    return {"n": min(map(len, samples)), "oracle": sum(map(any, samples)) / len(samples), "by_score": by_score}


def _rate(passed: Sequence[bool]) -> dict[str, Any]:
    return {"pass@1": sum(passed) / len(passed), "n": len(passed), "ci95": list(wilson(sum(passed), len(passed)))}


def _argmax(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)
