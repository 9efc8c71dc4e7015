"""The unbiased pass@k against counting by hand and against enumeration."""

from __future__ import annotations

from itertools import combinations

import pytest

from prlcoder.evaluation.passk import pass_at_k


def test_two_of_five_pass() -> None:
    assert pass_at_k(5, 2, 1) == pytest.approx(2 / 5)
    assert pass_at_k(5, 2, 2) == pytest.approx(7 / 10)  # 1 - C(3,2)/C(5,2) = 1 - 3/10
    assert pass_at_k(5, 2, 4) == 1.0  # only 3 fail: any 4 hold one that passes


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
