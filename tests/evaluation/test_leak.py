"""The leak test: what its classifier learns, what its figures count, and whom it blames."""

from __future__ import annotations

import random

import numpy as np
import pytest

from prlcoder.evaluation.leak import (
    THRESHOLD,
    LabelledText,
    ScoredTexts,
    classifier,
    cross_validated,
    figures,
    labelled_texts,
    responsible,
)
from prlcoder.evaluation.leak import scored as scored_by
from prlcoder.evaluation.leak_table import table
from prlcoder.evaluation.logistic import fit, margin
from prlcoder.evaluation.text_features import BUCKETS, features, shape, sparse_rows

NAMES = ("total", "left", "right", "best", "index", "value")


def step(problem: int, text: str, right: bool, operator: str = "", place: int = 0) -> LabelledText:
    return LabelledText(
        str(problem), place, text, right, "mutation" if operator else "canonical", (operator,) * bool(operator)
    )


def steps(mutate: str, operator: str, problems: int = 60) -> list[LabelledText]:
    """One canonical line a problem, its names drawn anew, and one mutant made by replacing ``+`` with ``mutate``."""
    draw = random.Random(0)
    found = []
    for problem in range(problems):
        line = f"    {draw.choice(NAMES)} = {draw.choice(NAMES)} + {draw.choice(NAMES)}\n"
        found += [step(problem, line, True), step(problem, line.replace("+", mutate), False, operator)]
    return found


def test_features_depend_on_the_text_alone_and_tell_texts_apart() -> None:
    assert np.array_equal(features("x = 1\n"), features("x = 1\n"))
    assert not np.array_equal(features("x = 1\n"), features("x = 2\n"))
    assert len(features("")) == 1  # the bias
    assert features("é \ud800").max() < BUCKETS
    assert [shape(token) for token in ("for", "total", "12", "'a'", "+", "  ")] == [
        "for",
        "name",
        "number",
        "text",
        "+",
        "  ",
    ]


def test_the_regression_is_at_the_minimum_of_its_loss() -> None:
    texts = [one.text for one in steps("-", "sign", 20)]
    right = np.array([True, False] * 20)
    rows = sparse_rows(texts)
    weights = fit(rows, right, 10.0)
    lengths = np.sqrt(np.diff(rows.starts))
    slope = np.where(right, -1.0, 1.0) / (1 + np.exp(np.where(right, 1.0, -1.0) * margin(rows, weights))) / lengths
    gradient = (
        np.bincount(rows.columns, weights=np.repeat(slope, np.diff(rows.starts)), minlength=BUCKETS) + weights / 10
    )
    seen_twice = np.bincount(rows.columns, minlength=BUCKETS) > 1
    assert np.abs(gradient[seen_twice]).max() < 1e-2
    assert not weights[~seen_twice].any()
    assert (margin(rows, weights) > 0).tolist() == right.tolist()
    with pytest.raises(ValueError, match="no rows"):
        fit(sparse_rows([]), np.zeros(0, bool), 10.0)


def test_an_operator_that_leaves_a_mark_is_found_on_problems_it_has_not_seen() -> None:
    found = cross_validated(steps("^", "sign"))
    assert found["auroc"] == found["same_place"]["auroc"] == 1.0
    assert (found["steps"], found["chosen"], found["problems"]) == (120, 60, 60)
    assert found["responsible"] == ["sign"]
    assert "above 0.65; without sign it would not be" in table(found)
    assert cross_validated(steps("^", "sign")) == found


def test_labels_that_the_text_does_not_hold_are_not_found() -> None:
    draw = random.Random(1)
    noise = [step(n, f"    {draw.choice(NAMES)} = {draw.choice(NAMES)}\n", draw.random() < 0.5) for n in range(400)]
    auroc = cross_validated(noise)["auroc"]
    assert 0.35 < auroc < THRESHOLD
    assert cross_validated(noise)["responsible"] == []


def test_given_sides_are_not_mixed() -> None:
    train, test = steps("^", "sign"), [step(900 + n, text.text, text.right) for n, text in enumerate(steps("^", "", 5))]
    baseline = classifier(train)
    assert figures([scored_by(baseline, test)])["auroc"] == 1.0
    assert figures([scored_by(baseline, test)])["problems"] == 10
    assert figures([scored_by(baseline, test[:1])])["auroc"] is None  # one label only
    chances = baseline.probabilities([text.text for text in test])
    assert [chance > 0.5 for chance in chances] == [text.right for text in test]


def scored(*items: tuple[LabelledText, float]) -> ScoredTexts:
    return ScoredTexts([text for text, _ in items], np.array([score for _, score in items]))


def test_figures_by_hand() -> None:
    part = scored(
        (step(1, "a", True), 0.9),
        (step(1, "b", False, "loud"), 0.1),
        (step(1, "c", False, "quiet", place=1), 0.9),
        (step(1, "d", True, "tidy", place=1), 0.5),
    )
    found = figures([part])
    # chosen 0.9 and 0.5 against rejected 0.1 and 0.9: won 1, tie 1/2, won 1, lost 0
    assert found["auroc"] == 2.5 / 4
    assert found["same_place"] == {"pairs": 2, "auroc": 0.5}
    groups = {row["operator"]: row for row in found["operators"]}
    assert (groups["loud"]["auroc"], groups["loud"]["without"]) == (1.0, 0.25)
    assert (groups["quiet"]["auroc"], groups["quiet"]["without"]) == (0.25, 1.0)
    assert (groups["tidy"]["label"], groups["tidy"]["auroc"], groups["tidy"]["without"]) == ("chosen", 0.5, 0.75)
    # the same twice: scores of two classifiers are not compared with each other
    assert figures([part, part])["auroc"] == found["auroc"]


def test_the_fewest_operators_are_blamed() -> None:
    chosen = [(step(n, "x", True), 0.5) for n in range(4)]
    loud = [(step(n, "x", False, "loud"), 0.1) for n in range(4)]
    louder = [(step(n, "x", False, "louder"), 0.0) for n in range(6)]
    quiet = [(step(n, "x", False, "quiet"), 0.5) for n in range(4)]
    assert responsible([scored(*chosen, *loud, *louder, *quiet)]) == ["louder", "loud"]
    assert responsible([scored(*chosen, *quiet)]) == []
    assert responsible([scored(*chosen, (step(9, "x", False), 0.1))]) == []  # not an operator's work


def test_a_step_by_two_operators_counts_for_both_and_one_without_a_label_for_none() -> None:
    row = {
        "problem_id": "p",
        "segment_index": 3,
        "segment": "x\n",
        "label": "rejected",
        "origin": "mutation",
        "operator": "rename-local+index-offset",
    }
    rejected, chosen = labelled_texts([row, {**row, "label": None}, {**row, "operator": "", "label": "chosen"}])
    assert rejected == LabelledText("p", 3, "x\n", False, "mutation", ("rename-local", "index-offset"))
    assert (chosen.right, chosen.operators) == (True, ())
