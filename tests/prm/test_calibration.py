"""Separation and calibration of log-odds, with numbers that can be checked by hand."""

from __future__ import annotations

import doctest
import math
import random

import pytest

from prlcoder.prm import calibration
from prlcoder.prm.calibration import Calibration, auroc, calibrated


def test_the_examples_in_the_docstrings_are_true() -> None:
    results = doctest.testmod(calibration)
    assert results.attempted > 0
    assert results.failed == 0


def drawn(count: int, temperature: float, offset: float) -> list[tuple[float, bool]]:
    """Labels drawn from log-odds x; reported are the log-odds ``temperature * x - offset``."""
    draw = random.Random(0)
    found = []
    for _ in range(count):
        odds = draw.gauss(0.5, 2.0)
        right = draw.random() < 1 / (1 + math.exp(-odds))
        found.append((temperature * odds - offset, right))
    return found


@pytest.mark.parametrize(("temperature", "offset"), [(1.0, 0.0), (3.0, 0.0), (0.5, 1.0), (2.0, -4.0)])
def test_the_temperature_and_the_offset_are_found(temperature: float, offset: float) -> None:
    found = calibrated(drawn(4000, temperature, offset))
    assert found.temperature == pytest.approx(temperature, rel=0.1)
    assert found.offset == pytest.approx(offset, abs=0.3)
    assert found.apply(temperature * 2.0 - offset) == pytest.approx(2.0, abs=0.3)


def test_separable_labels_give_a_finite_temperature() -> None:
    found = calibrated([(-1.0, False), (1.0, True)] * 50)
    assert 0.05 < found.temperature < 1.0
    assert found.offset == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("scored", [[], [(1.0, True)], [(2.0, False), (-2.0, True)] * 50])
def test_labels_that_say_nothing_change_nothing(scored: list[tuple[float, bool]]) -> None:
    assert calibrated(scored) == Calibration()


def test_auroc_of_one_class_is_unknown() -> None:
    assert auroc([(1.0, True)]) is None
    assert auroc([]) is None


def test_scores_that_are_not_finite_have_no_rank_and_no_calibration() -> None:
    assert auroc([(math.nan, True), (0.0, False)]) is None
    assert calibrated([(math.inf, True), (0.0, False)]) == Calibration()
