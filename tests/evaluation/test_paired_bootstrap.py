"""Differences of two classifiers on the same steps, with intervals over problems: numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prlcoder.evaluation import discrimination
from prlcoder.evaluation.paired_bootstrap import accuracy, auroc, paired_bootstrap


def test_differences_by_hand() -> None:
    # one problem, so that every draw is the problem itself and the interval is a point
    right = [True, True, False, False]
    ours, theirs = [0.9, 0.6, 0.7, 0.1], [0.5, 0.5, 0.5, 0.5]
    found = paired_bootstrap(["p"] * 4, right, ours, theirs)
    # ours: 3 of 4 pairs in order; theirs: all ties. Accuracy: 3 of 4 against 2 of 4 (0.5 counts as right)
    assert found["auroc"] == {"difference": 0.25, "ci95": [0.25, 0.25]}
    assert found["accuracy"] == {"difference": 0.25, "ci95": [0.25, 0.25]}


def test_the_interval_spans_what_the_problems_allow() -> None:
    # ours is right on all of a and wrong on all of b, theirs the other way round. A draw is aa, ab, ba or bb with
    # equal chances, so the differences are 1, 0, 0 and -1, and a quarter of the draws lies at each end
    ids, right = ["a", "a", "b", "b"], [True, False, True, False]
    ours, theirs = [0.9, 0.1, 0.1, 0.9], [0.1, 0.9, 0.9, 0.1]
    found = paired_bootstrap(ids, right, ours, theirs)
    assert found["accuracy"] == {"difference": 0.0, "ci95": [-1.0, 1.0]}


def test_equal_scores_do_not_differ() -> None:
    scores = [0.2, 0.9, 0.4, 0.7]
    found = paired_bootstrap(["a", "a", "b", "b"], [True, False, True, False], scores, scores)
    assert found["auroc"] == found["accuracy"] == {"difference": 0.0, "ci95": [0.0, 0.0]}


def test_the_same_steps_give_the_same_interval() -> None:
    generator = np.random.default_rng(1)
    ids, right = [str(number // 3) for number in range(60)], (generator.random(60) < 0.5).tolist()
    ours, theirs = generator.random(60).tolist(), generator.random(60).tolist()
    assert paired_bootstrap(ids, right, ours, theirs) == paired_bootstrap(ids, right, ours, theirs)


def test_undefined_figures_are_left_out() -> None:
    assert paired_bootstrap(["a"], [True], [0.9], [0.4]) == {"accuracy": {"difference": 1.0, "ci95": [1.0, 1.0]}}
    assert paired_bootstrap([], [], [], []) == {}


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=30))
def test_both_definitions_of_the_figures_agree(scored: list[tuple[int, bool]]) -> None:
    pairs = [(score / 4, right) for score, right in scored]
    scores, right = np.array([score for score, _ in pairs]), np.array([right for _, right in pairs])
    expected = discrimination.auroc(pairs)
    found = auroc(scores, right)
    assert found is None if expected is None else found == pytest.approx(expected)
    steps = [discrimination.JudgedStep(label, score, 1.0, "") for score, label in pairs]
    assert accuracy(scores, right) == pytest.approx(discrimination.accuracy(steps))
