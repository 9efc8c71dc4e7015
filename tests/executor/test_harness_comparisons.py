"""Answers are compared as the harnesses of APPS and EvalPlus compare them, and tolerances are numpy's."""

from __future__ import annotations

from typing import Any

import pytest

from prlcoder.executor.comparison import equal_output, value_comparison
from prlcoder.problems.model import Comparison, Tolerance

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("answer", "expected", "equal"),
    [
        (5, [5], True),  # an answer in a list
        ([5], [5], True),
        ((5,), [5], True),
        ([5], [[5]], True),
        ((1, 2), [[1, 2]], True),
        ([(1, 2)], [[[1, 2]]], True),
        ([(1, 2)], [[1, 2]], False),
        (5, [5, 6], False),
        (1, [True], True),
        ("True", [True], False),
        ([], [], True),
        (0.1 + 0.2, 0.3, False),
        ([(1, 2), 3], [[1, 2], 3], False),
    ],
)
def test_calls_of_apps(answer: Any, expected: Any, equal: bool) -> None:
    assert value_comparison(Comparison.APPS, None)(answer, expected) is equal


@pytest.mark.parametrize(
    ("answer", "expected", "equal"),
    [
        (b"0.0000001\n", b"1e-07\n", True),
        (b"1.41421\n", b"1.4142135624\n", True),
        (b"1.4143\n", b"1.4142135624\n", False),
        (b"1\n\n2\n", b"1\n2\n", True),
        (b" 1\n 2", b"1\n2\n", True),
        (b"1 2\n", b"1\n2\n", False),
        (b"3", b"3.0\n", True),
        (b"nan", b"3.0\n", False),
        (b"1000001", b"1000000", False),  # APPS's harness lets this pass; integers are exact here
        (b"a b", b"b a", False),  # APPS's harness lets this pass too
        (b"1.1 beta", b"1.10 beta", True),
        (b"Yes", b"YES", False),
    ],
)
def test_output_of_apps(answer: bytes, expected: bytes, equal: bool) -> None:
    assert equal_output(answer, expected, Comparison.APPS) is equal


@pytest.mark.parametrize(
    ("answer", "expected", "atol", "equal"),
    [
        (0.1 + 0.2, 0.3, 0, True),  # floats have a tolerance of 1e-6 by themselves
        ([0.3, 0.1 + 0.2], [0.3, 0.3], 0, True),
        ((0.3,), [0.3], 0, False),  # the types differ
        ([0.1 + 0.2, 1], [0.3, 1], 0, False),  # not all floats, and no tolerance given
        ([0.1 + 0.2, 1], [0.3, 1], 1e-6, True),
        (3, 3.0000001, 1e-6, False),  # an integer is not a float
        ([1, 2], [1, 2], 0, True),
        ((1, 2), [1, 2], 0, False),  # Python's equality
        (True, 1, 0, True),
        ([[0.1 + 0.2]], [[0.3]], 1e-6, True),
        (INF, INF, 1e-6, True),
        (NAN, NAN, 1e-6, False),
        ({"a": 0.1 + 0.2}, {"a": 0.3}, 1e-6, False),  # numpy compares no dicts
        (10**400, 1.0, 1e-6, False),
        ([1.0], [1.0, 2.0], 1e-6, False),
    ],
)
def test_evalplus(answer: Any, expected: Any, atol: float, equal: bool) -> None:
    tolerance = Tolerance(atol, 1e-7) if atol else None
    assert value_comparison(Comparison.EVALPLUS, tolerance)(answer, expected) is equal


@pytest.mark.parametrize(
    ("comparison", "answer", "expected", "equal"),
    [
        (Comparison.VALUE, 1.05, 1, True),
        (Comparison.VALUE, 1.2, 1, False),
        (Comparison.VALUE, {"a": [(1.05, "x")]}, {"a": [[1, "x"]]}, True),
        (Comparison.VALUE, 3, 3.05, True),
        (Comparison.VALUE, 4, 3, False),
        (Comparison.VALUE, True, 1.05, False),
        (Comparison.VALUE, NAN, 1.0, False),
        (Comparison.STRICT, 1.05, 1.0, True),
        (Comparison.STRICT, 1, 1.05, False),
        (Comparison.STRICT, (1.05,), [1.0], False),
        (Comparison.SHALLOW, (1.05,), [1.0], True),
        (Comparison.APPS, 1.05, [1.0], False),
        (Comparison.APPS, [1.05], [1.0], True),
    ],
)
def test_a_tolerance_of_a_tenth(comparison: Comparison, answer: Any, expected: Any, equal: bool) -> None:
    assert value_comparison(comparison, Tolerance(absolute=0.1))(answer, expected) is equal


def test_a_relative_tolerance_is_of_the_expected_value() -> None:
    compare = value_comparison(Comparison.VALUE, Tolerance(relative=0.1))
    assert compare(109.9, 100.0)
    assert not compare(110.1, 100.0)
    assert not compare(89.9, 100.0)


@pytest.mark.parametrize(
    ("comparison", "answer", "equal"),
    [
        (Comparison.LINES, b"1.05 a\n2\n", True),
        (Comparison.LINES, b"1.05 a 2\n", False),
        (Comparison.TOKENS, b"1.05 a 2\n", True),
        (Comparison.FLOATS, b"1.05 a 2", True),
        (Comparison.DECIMALS, b"1.05 a\n2", True),
        (Comparison.EXACT, b"1.05 a\n2\n", False),
        (Comparison.LINES, b"1.2 a\n2\n", False),
        (Comparison.LINES, b"1.05 a\n3\n", False),  # two integers must be equal
    ],
)
def test_a_tolerance_of_output(comparison: Comparison, answer: bytes, equal: bool) -> None:
    assert equal_output(answer, b"1.0 a\n2\n", comparison, Tolerance(absolute=0.1)) is equal
