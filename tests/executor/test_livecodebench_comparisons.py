"""The two comparisons that LiveCodeBench's harness makes."""

from __future__ import annotations

import pytest

from prlcoder.executor.comparison import equal_output, shallowly_equal
from prlcoder.problems.model import Comparison


@pytest.mark.parametrize(
    ("answer", "expected", "equal"),
    [
        ((1, 2), [1, 2], True),
        ([(1, 2)], [[1, 2]], False),
        (([1, 2],), [[1, 2]], True),
        (1.0, 1, True),
        (True, 1, True),
        ("a", ["a"], False),
    ],
)
def test_only_an_outermost_tuple_is_a_list(answer: object, expected: object, equal: bool) -> None:
    assert shallowly_equal(answer, expected) is equal


@pytest.mark.parametrize(
    ("answer", "expected", "equal"),
    [
        (b" 1 2 \n\n", b"1 2", True),
        (b"\n1", b"1\n", True),
        (b"1\n\n2", b"1\n2", False),
        (b"1.50 2", b"1.5 2.0", True),
        (b"1  2", b"1 2", True),
        (b"yes  no", b"yes no", False),
        (b"0.1000001", b"0.1", False),
        (b"50000000000000001", b"50000000000000000", False),
        (b"1e3", b"1000", True),
        (b"1 2 3", b"1 2", False),
        (b"nan", b"nan ", True),
        (b"NaN 1", b"nan 1", False),
        (b"sNaN", b"1", False),
        (b"\xff", b"1", False),
        (b"", b"", True),
    ],
)
def test_lines_or_exact_numbers(answer: bytes, expected: bytes, equal: bool) -> None:
    assert equal_output(answer, expected, Comparison.DECIMALS) is equal
