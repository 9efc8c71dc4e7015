"""Programs that compile to the same bytecode count as one."""

from __future__ import annotations

import pytest

from prlcoder.mutator.equivalence import DistinctPrograms
from prlcoder.supervision.differential import equal_values


def test_the_same_byte_code_is_no_new_program() -> None:
    seen = DistinctPrograms("def f(a):\n    return a + 1\n")
    assert not seen.add("def f(a):\n    return a + 1\n")
    assert not seen.add("def f(a):\n\n    return (a + 1)  # more\n")
    assert seen.add("def f(a):\n    return a + 2\n")
    assert not seen.add("def f(a):\n    return a + (1 + 1)\n")
    assert seen.add("def f(a):\n    return a + 2.0\n")


def test_what_does_not_compile_is_told_apart_by_its_text() -> None:
    seen = DistinctPrograms("x = 1\n")
    assert seen.add("x = (\n")
    assert not seen.add("x = (\n")
    assert seen.add("x = [\n")


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (1, 1.0, True),
        ((1, [2]), [1, (2,)], True),
        (0.1 + 0.2, 0.3, True),
        ([{"a": 0.1 + 0.2}], [{"a": 0.3}], True),
        (1e9, 1e9 + 1, True),
        (10**9, 10**9 + 1, False),
        (0.3, 0.31, False),
        ("1", 1, False),
        ({1, 2}, {2, 1}, True),
        ({"a": 1}, {"b": 1}, False),
        ([1], [1, 1], False),
        (10**400, 1.5, False),
    ],
)
def test_equal_answers(left: object, right: object, same: bool) -> None:
    assert equal_values(left, right) is same
