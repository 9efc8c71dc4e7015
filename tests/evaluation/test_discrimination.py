"""Accuracy, AUROC and calibration, checked by hand and against their definitions."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prlcoder.evaluation.discrimination import (
    JudgedStep,
    accuracy,
    auroc_within,
    calibration_error,
    decile,
    false_positive_rate,
    figures,
)
from prlcoder.prm.calibration import auroc


def step(probability: float, right: bool, position: float = 1.0, kind: str = "return") -> JudgedStep:
    return JudgedStep(right, probability, position, kind)


def test_auroc_by_hand() -> None:
    # pairs (right, wrong): .9>.4, .9>.6, .6>.4, .6=.6 -> (1 + 1 + 1 + 1/2) / 4
    assert auroc([(0.9, True), (0.6, True), (0.4, False), (0.6, False)]) == pytest.approx(3.5 / 4)


def test_auroc_needs_both_sorts() -> None:
    assert auroc([(0.9, True)]) is None
    assert auroc([]) is None


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=30))
def test_auroc_is_the_chance_that_a_right_step_is_above_a_wrong_one(scored: list[tuple[int, bool]]) -> None:
    rights = [score for score, right in scored if right]
    wrongs = [score for score, right in scored if not right]
    wins = sum((a > b) + 0.5 * (a == b) for a in rights for b in wrongs)
    expected = wins / (len(rights) * len(wrongs)) if rights and wrongs else None
    found = auroc([(float(score), right) for score, right in scored])
    assert found is None if expected is None else found == pytest.approx(expected)


def test_accuracy_and_calibration_by_hand() -> None:
    steps = [step(0.95, True), step(0.91, False), step(0.2, False), step(0.5, True)]
    assert accuracy(steps) == 0.75
    # bins: [.95 .91] mean .93, half right; [.2] none right; [.5] right
    assert calibration_error(steps) == pytest.approx((2 * 0.43 + 0.2 + 0.5) / 4)


def test_the_false_positive_rate_counts_wrong_steps_that_are_accepted() -> None:
    steps = [step(0.9, True), step(0.8, False), step(0.5, False), step(0.4, False), step(0.1, False)]
    assert false_positive_rate(steps) == 0.5  # two of four wrong ones
    assert false_positive_rate([step(0.9, True)]) is None


def test_auroc_within_groups_compares_no_two_groups() -> None:
    # a: .9>.4 and .9>.9 is a tie -> 1.5 of 2; b: .2>.1 -> 1 of 1; c has one kind only
    items = [("a", 0.9, True), ("a", 0.4, False), ("a", 0.9, False), ("b", 0.2, True), ("b", 0.1, False)]
    assert auroc_within([*items, ("c", 0.0, True)]) == pytest.approx(2.5 / 3)
    # a score that knows the group alone: perfect over all pairs, worth nothing within
    easy = [("easy", 0.9, True), ("easy", 0.9, False), ("hard", 0.1, True), ("hard", 0.1, False)]
    assert auroc_within(easy) == 0.5
    assert auroc_within([("c", 0.0, True)]) is None


def test_figures_group_by_place_and_kind() -> None:
    steps = [step(0.9, True, 0.05, "assign"), step(0.8, False, 0.05, "assign"), step(0.3, False, 1.0, "return")]
    found = figures(steps)
    assert (found["n"], found["positive"], found["majority"]) == (3, pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert found["by_position"] == {
        "0": {"n": 2, "accuracy": 0.5, "auroc": 1.0},
        "9": {"n": 1, "accuracy": 1.0, "auroc": None},
    }
    assert list(found["by_kind"]) == ["assign", "return"]
    assert [inside["n"] for inside in found["calibration"]] == [1, 1, 1]


def test_no_steps_give_no_figures() -> None:
    assert figures([]) == {"n": 0}


@pytest.mark.parametrize(("position", "tenth"), [(0.01, 0), (0.1, 1), (0.55, 5), (0.99, 9), (1.0, 9)])
def test_deciles(position: float, tenth: int) -> None:
    assert decile(position) == tenth
