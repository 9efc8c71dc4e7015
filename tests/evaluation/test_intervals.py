"""Intervals against published figures and figures worked out by hand."""

from __future__ import annotations

from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prlcoder.evaluation.intervals import Z95, paired_difference, wilson


def test_wilson_of_81_in_263_is_the_published_interval() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3: 81/263 and 15/148.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)


def test_wilson_at_the_ends() -> None:
    # 0 of n: the upper end is z^2 / (n + z^2); n of n mirrors it.
    upper = Z95**2 / (10 + Z95**2)
    assert wilson(0, 10) == pytest.approx((0.0, upper))
    assert wilson(10, 10) == pytest.approx((1 - upper, 1.0))
    assert wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[1] == 1.0


def test_wilson_of_nothing_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("passed", "n"), [(-1, 3), (4, 3), (0, -1)])
def test_wilson_refuses_impossible_counts(passed: int, n: int) -> None:
    with pytest.raises(ValueError, match="between 0 and n"):
        wilson(passed, n)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(max_examples=100)
def test_wilson_holds_the_rate_and_mirrors(counts: tuple[int, int]) -> None:
    passed, n = counts
    low, high = wilson(passed, n)
    assert 0 <= low <= passed / n <= high <= 1
    assert wilson(n - passed, n) == pytest.approx((1 - high, 1 - low))


def test_paired_difference_by_hand() -> None:
    # 3 problems won, 1 lost, 4 tied: n + 2 = 10, centre 2/10, variance (4 + 2)/10 - 0.04 = 0.56.
    a = [1, 1, 1, 0, 1, 1, 0, 0]
    b = [0, 0, 0, 1, 1, 1, 0, 0]
    half = Z95 * sqrt(0.056)
    assert paired_difference(a, b) == pytest.approx((0.25, 0.2 - half, 0.2 + half))


def test_paired_difference_is_bonett_and_price() -> None:
    # Their formula: p12 = (n12 + 1)/(n + 2), p21 = (n21 + 1)/(n + 2), variance p12 + p21 - (p12 - p21)^2.
    won, lost, tied = 40, 12, 248
    p12, p21, count = (won + 1) / 302, (lost + 1) / 302, 302
    half = Z95 * sqrt((p12 + p21 - (p12 - p21) ** 2) / count)
    a = [1] * won + [0] * lost + [1] * tied
    b = [0] * won + [1] * lost + [1] * tied
    _, low, high = paired_difference(a, b)
    assert (low, high) == pytest.approx((p12 - p21 - half, p12 - p21 + half))


def test_equal_scores_still_leave_doubt() -> None:
    mean, low, high = paired_difference([1.0] * 20, [1.0] * 20)
    assert mean == 0
    assert low == -high < 0


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=50))
@settings(max_examples=100)
def test_swapping_the_sides_mirrors_and_the_mean_lies_inside(pairs: list[tuple[float, float]]) -> None:
    a, b = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    mean, low, high = paired_difference(a, b)
    assert -1 <= low <= mean <= high <= 1
    assert paired_difference(b, a) == pytest.approx((-mean, -high, -low))


@pytest.mark.parametrize(("a", "b"), [([], []), ([1], [1, 0]), ([2.0], [0.0])])
def test_paired_difference_refuses_what_is_not_paired_scores(a: list[float], b: list[float]) -> None:
    with pytest.raises(ValueError, match="scores must"):
        paired_difference(a, b)
