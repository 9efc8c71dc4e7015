"""Facts about equality: what each comparison accepts, worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from prlcoder.executor.comparison import equal_encoded, equal_output, equal_values, identical_values
from prlcoder.executor.jailed.values import encode
from prlcoder.problems.model import Comparison

NAN = float("nan")


@pytest.mark.parametrize(
    ("left", "right", "equal", "identical"),
    [
        (1, 1, True, True),
        (1, 1.0, True, False),
        (1, True, True, False),
        (0.0, -0.0, True, False),
        (NAN, NAN, False, True),
        ((1, 2), [1, 2], True, False),
        ([(1, [2])], [[1, (2,)]], True, False),
        ([1, 2], [2, 1], False, False),
        ([1], [1, 2], False, False),
        ({1, 2}, {2, 1}, True, True),
        ({1}, {1.0}, True, False),
        ({1}, frozenset({1}), True, False),
        ({"a": (1,), "b": 2}, {"b": 2, "a": [1]}, True, False),
        ({"a": 1}, {"a": 1, "b": 2}, False, False),
        ({1: "x"}, {True: "x"}, True, True),  # equal keys are one key
        ("1", 1, False, False),
        (b"x", "x", False, False),
        (None, False, False, False),
        (10**30, 10**30, True, True),
        (2**53 + 1, float(2**53), False, False),
    ],
)
def test_equality_of_values(left: Any, right: Any, equal: bool, identical: bool) -> None:
    assert equal_values(left, right) is equal
    assert equal_values(right, left) is equal
    assert identical_values(left, right) is identical
    assert equal_encoded(encode(left), encode(right), equal_values) is equal


def test_an_answer_much_bigger_than_expected_is_not_decoded() -> None:
    def fail(left: Any, right: Any) -> bool:
        raise AssertionError("decoded")

    assert not equal_encoded(encode([0] * 20_000), encode([0]), fail)


def test_bytes_that_are_no_value_equal_nothing() -> None:
    assert not equal_encoded(b"\xff", encode(1), equal_values)
    assert not equal_encoded(b"", encode(1), equal_values)


@pytest.mark.parametrize(
    ("answer", "expected", "exact", "lines", "tokens", "floats"),
    [
        (b"1\n2\n", b"1\n2\n", True, True, True, True),
        (b"1\n2", b"1\n2\n", False, True, True, True),
        (b"1 \r\n2\n\n \n", b"1\n2\n", False, True, True, True),
        (b"1 2", b"1\n2", False, False, True, True),
        (b"\n1", b"1", False, False, True, True),
        (b" 1", b"1", False, False, True, True),
        (b"0.1234567", b"0.1234568", False, False, False, True),
        (b"1.0", b"1", False, False, False, True),
        (b"100000000", b"100000001", False, False, False, False),  # integers have no rounding
        (b"+007", b"7", False, False, False, True),
        (b"-0", b"0", False, False, False, True),
        (b"inf", b"1e400", False, False, False, True),
        (b"nan", b"0", False, False, False, False),
        (b"1", b"1 1", False, False, False, False),
        (b"yes", b"YES", False, False, False, False),
        (b"\xff", b"\xff", True, True, True, True),
        (b"", b"", True, True, True, True),
        (b"", b"\n", False, True, True, True),
        (b"9" * 5000, b"9" * 4999 + b"8", False, False, False, False),
    ],
)
def test_equality_of_output(
    answer: bytes, expected: bytes, exact: bool, lines: bool, tokens: bool, floats: bool
) -> None:
    kinds = (Comparison.EXACT, Comparison.LINES, Comparison.TOKENS, Comparison.FLOATS)
    assert tuple(equal_output(answer, expected, kind) for kind in kinds) == (exact, lines, tokens, floats)


def test_values_are_not_output() -> None:
    with pytest.raises(ValueError, match="compares values"):
        equal_output(b"", b"", Comparison.VALUE)
