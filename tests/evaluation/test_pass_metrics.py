"""Figures from verdicts, checked by hand."""

from __future__ import annotations

import doctest
from itertools import combinations

import pytest

from prlcoder.evaluation import pass_metrics
from prlcoder.evaluation.pass_metrics import best_of_n, gain, greedy_figures, pass_at_k, sampled_figures


def test_greedy_figures_by_difficulty() -> None:
    figures = greedy_figures([True, False, True, True], ["easy", "easy", "hard", None])
    assert figures["pass@1"] == 0.75
    assert figures["n"] == 4
    assert figures["ci95"][0] < 0.75 < figures["ci95"][1]
    assert {level: (of["pass@1"], of["n"]) for level, of in figures["by_difficulty"].items()} == {
        "easy": (0.5, 2),
        "hard": (1.0, 1),
    }


def test_sampled_figures_average_the_unbiased_estimate_over_problems() -> None:
    # 4 samples, 2 and 0 of which pass: pass@2 = 1 - C(2,2)/C(4,2) = 5/6 and 0
    figures = sampled_figures([[True, True, False, False], [False] * 4], ks=[1, 2, 8])
    assert figures["n"] == 4
    assert figures["pass@1"] == pytest.approx(0.25)
    assert figures["pass@2"] == pytest.approx(5 / 12)
    assert "pass@8" not in figures  # no unbiased estimate from 4 samples
    low, high = figures["ci95"]["pass@2"]
    assert low < 5 / 12 < high


def test_gain_is_paired() -> None:
    found = gain([True, True, False, True], [False, True, False, False])
    assert found["difference"] == 0.5
    assert found["ci95"][0] < 0.5 < found["ci95"][1]


def test_best_of_n_takes_the_first_of_the_highest_scored() -> None:
    samples = [[False, True], [True, False], [False, False]]
    scores = {"mean": [[0.2, 0.9], [0.1, 0.7], [0.5, 0.5]], "min": [[0.9, 0.1], [0.4, 0.4], [0.0, 0.0]]}
    found = best_of_n(samples, scores)
    assert found["n"] == 2
    assert found["random"] == pytest.approx(1 / 3)
    assert found["oracle"] == pytest.approx(2 / 3)
    assert found["by_score"]["mean"]["pass@1"] == pytest.approx(1 / 3)  # right, wrong, wrong
    assert found["by_score"]["min"]["pass@1"] == pytest.approx(1 / 3)  # wrong, right (the first of two), wrong
    # at random: 1/2, 1/2, 0; picked by mean: 1, 0, 0
    assert found["by_score"]["mean"]["vs_sampled"]["difference"] == pytest.approx(0.0)


def test_the_example_in_the_docstring_holds() -> None:
    assert doctest.testmod(pass_metrics).failed == 0


def test_two_of_five_pass() -> None:
    assert pass_at_k(5, 2, 1) == pytest.approx(2 / 5)
    assert pass_at_k(5, 2, 2) == pytest.approx(7 / 10)  # 1 - C(3,2)/C(5,2) = 1 - 3/10
    assert pass_at_k(5, 2, 4) == 1.0  # only 3 fail: any 4 include one that passes


def test_ends() -> None:
    assert pass_at_k(8, 0, 8) == 0.0
    assert pass_at_k(8, 8, 1) == 1.0
    assert pass_at_k(1, 1, 1) == 1.0


@pytest.mark.parametrize(("n", "c", "k"), [(6, 1, 3), (7, 3, 2), (8, 2, 5)])
def test_equals_the_share_of_all_subsets(n: int, c: int, k: int) -> None:
    subsets = list(combinations([True] * c + [False] * (n - c), k))
    assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_large_counts_stay_finite() -> None:
    assert pass_at_k(2000, 3, 100) == pytest.approx(0.1427, abs=1e-3)


@pytest.mark.parametrize(("n", "c", "k"), [(5, 6, 1), (5, -1, 1), (5, 2, 6), (5, 2, 0)])
def test_refuses_what_has_no_estimate(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError):
        pass_at_k(n, c, k)
