"""Which published asserts become pairs, and that the predicate means what the assert meant."""

from __future__ import annotations

from typing import Any

import pytest

from prlcoder.executor.assertions import rewrite
from prlcoder.problems.model import AssertTests


def asserts(body: str) -> AssertTests:
    return AssertTests(body, "f", check=False)


@pytest.mark.parametrize(
    ("source", "args", "right", "wrong"),
    [
        ("assert f(1, [2], x={'a': 3}) == (4, 5)", ((1, [2]), {"x": {"a": 3}}), (4, 5), [4, 5]),
        ("assert f('a') == 'b', 'message'", (("a",), {}), "b", "c"),
        ("assert f(-1)", ((-1,), {}), [0], []),
        ("assert not f(1.5)", ((1.5,), {}), 0, 1),
        ("assert f() is None", ((), {}), None, 0),
        ("assert f() is True", ((), {}), True, 1),
        ("assert f(2) != 3", ((2,), {}), 4, 3),
        ("assert 3 == f(2)", ((2,), {}), 3, 4),
        ("assert (f(2)) == 3", ((2,), {}), 3, "3"),
        ("assert abs(f(2) - 0.5) < 1e-6", ((2,), {}), 0.5000001, 0.51),
        ("assert abs(f(2) - 0.5) < 1e-6", ((2,), {}), 0.5, "x"),  # a TypeError does not pass
        ("assert math.isclose(f(2), 1 / 3, rel_tol=0.001)", ((2,), {}), 0.3333, 0.33),
        ("assert sorted(f([3] * 2)) == [1, 2]", (([3, 3],), {}), (2, 1), (2, 2)),
        ("assert set(f(range(3))) == {1, 2}", ((range(3),), {}), [2, 1, 1], [1]),
        ("assert len(f(float('inf'))) == 2", ((float("inf"),), {}), "ab", "abc"),
        ("assert f(2 ** 10)[0] == 7", ((1024,), {}), [7], []),
        ("assert f(1) in (2, 3)", ((1,), {}), 3, 4),
    ],
)
def test_an_assert_becomes_a_call_and_a_predicate(source: str, args: Any, right: Any, wrong: Any) -> None:
    rewritten = rewrite(asserts(source))
    assert rewritten is not None
    (call,), (check,) = rewritten.calls, rewritten.checks
    assert (call.args, call.kwargs) == args
    assert check.holds([right])
    assert not check.holds([wrong])


def test_calls_keep_their_order_across_asserts() -> None:
    rewritten = rewrite(asserts("assert f(1) == f(2)\nassert f(3) == 4\nassert True, 'always'"))
    assert rewritten is not None
    assert [call.args for call in rewritten.calls] == [(1,), (2,), (3,)]
    assert [(check.first, check.count) for check in rewritten.checks] == [(0, 2), (2, 1), (3, 0)]
    assert rewritten.checks[0].holds([5, 5.0])
    assert rewritten.checks[2].holds([])


def test_the_body_of_check_is_rewritten() -> None:
    source = '''
METADATA = {"author": "x"}

def check(candidate):
    """Doc."""
    assert candidate(1) == 2
    assert candidate(2) == 3
'''
    rewritten = rewrite(AssertTests(source, "anything().at_all", check=True))
    assert rewritten is not None
    assert [call.args for call in rewritten.calls] == [(1,), (2,)]


@pytest.mark.parametrize(
    "source",
    [
        "x = [1]\nassert f(x) == [1]",
        "for i in range(3):\n    assert f(i) == i",
        "assert f(1) == 1 and f(2) == 2",  # the second may not happen
        "assert 0 < f(1) < f(2)",
        "assert all(f(i) for i in (1, 2))",
        "assert (lambda: f(1))()",
        "assert f(f(1)) == 1",
        "assert f(g(1)) == 1",
        "assert g(f(1)) == 1",
        "assert f(*[1, 2]) == 1",
        "assert f(**{'a': 1}) == 1",
        "assert f(1) == x",
        "assert f(1).upper() == 'A'",
        "assert f(int) == 1",
        "assert f([0] * 10 ** 9) == 1",
        "assert f(10 ** 10 ** 10) == 1",
        "assert sorted(f(1), key=len) == []",
        "import os\nassert f(1) == 1",
        "assert f(1) == (y := 2)",
    ],
)
def test_everything_else_is_left_to_a_tester(source: str) -> None:
    assert rewrite(asserts(source)) is None


def test_a_set_up_is_left_to_a_tester() -> None:
    assert rewrite(AssertTests("assert f(1) == 1", "f", check=False, setup="x = 1")) is None


def test_only_equality_with_itself_has_expected_bytes() -> None:
    rewritten = rewrite(asserts("assert f() == 1\nassert f() == float('nan')\nassert f() != 1"))
    assert rewritten is not None
    assert [check.expected is not None for check in rewritten.checks] == [True, False, False]


def test_answers_cannot_fill_our_memory() -> None:
    rewritten = rewrite(asserts("assert f() * 1000000000 == 'a'\nassert f() % 10 == 1"))
    assert rewritten is not None
    assert not rewritten.checks[0].holds(["a"])
    assert not rewritten.checks[1].holds(["%1000000000d"])
