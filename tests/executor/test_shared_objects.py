"""Two tables that exchange messages see the same values, with the same identity, whatever one side changes."""

from __future__ import annotations

import datetime
import marshal
import math
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prlcoder.executor.jailed.shared_objects import SharedObjects
from prlcoder.executor.jailed.values import UndecodableError, encode

VALUES = [
    None,
    True,
    5,
    1 << 70,
    0.5,
    -0.0,
    "\ud800",
    b"x",
    1j,
    ...,
    (),
    (1, (2, "a")),
    frozenset({1}),
    range(1, 9, 2),
    Fraction(1, 3),
    Decimal("1.50"),
    datetime.date(2024, 2, 29),
    datetime.datetime(2024, 1, 1, 3, tzinfo=datetime.UTC),
    datetime.timedelta(1, 2, 3),
    uuid.UUID(int=5),
    PurePosixPath("a/b"),
    int,
    ValueError,
    NotImplemented,
    len,
    [1, [2, {"a": {3}}]],
    {1: (2, [3])},
    deque([1], 5),
    OrderedDict(a=1),
    defaultdict(list, a=[1]),
    Counter("aab"),
    bytearray(b"ab"),
    [(1, float("inf"))],
]
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


class Pair:
    """A tester's and a candidate's table; ``send`` moves a value, ``back`` returns one."""

    def __init__(self) -> None:
        self.tester = SharedObjects(1, trusted=False)
        self.candidate = SharedObjects(-1, trusted=True)

    def send(self, value: Any) -> Any:
        """The candidate's counterpart of a tester's value."""
        return self.candidate.unpack(self.tester.pack((0,), (value,), sweep=True))[1][0]

    def back(self, value: Any) -> Any:
        """The tester's counterpart of a candidate's value."""
        return self.tester.unpack(self.candidate.pack((1,), (value,), sweep=False))[1][0]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_arrives_with_its_type_and_comes_back_as_the_same_object(value: Any) -> None:
    pair = Pair()
    there = pair.send(value)
    assert type(there) is type(value)
    assert there == value
    assert pair.back(there) == value
    if not isinstance(value, (int, float, str, bytes, complex)):
        assert pair.back(there) is value


@given(PLAIN)
@settings(deadline=None, max_examples=60)
def test_plain_values_survive_the_way_there_and_back(value: Any) -> None:
    pair = Pair()
    assert pair.back(pair.send(value)) == value


def test_changes_on_either_side_reach_the_other() -> None:
    pair = Pair()
    inner: list[int] = [1]
    outer = {"a": inner, "b": inner}
    there = pair.send(outer)
    assert there["a"] is there["b"]
    there["a"].append(2)
    there["c"] = there
    assert pair.back(None) is None
    assert inner == [1, 2]
    assert outer["c"] is outer  # type: ignore[comparison-overlap]
    inner.clear()
    pair.send(None)
    assert there["b"] == []


def test_an_unchanged_object_is_not_sent_again() -> None:
    pair = Pair()
    big = [{"k": (1, 2), "s": {"a", "b"}} for _ in range(100)]
    there = pair.send(big)
    pair.back(there)
    assert len(pair.tester.pack((0,), (big,), sweep=False)) < 200
    assert len(pair.candidate.pack((0,), (there,), sweep=False)) < 200


def test_objects_that_nobody_uses_are_forgotten() -> None:
    pair = Pair()
    for number in range(3000):
        pair.send([number])
    assert len(pair.tester.objects) < 1500
    assert len(pair.candidate.objects) < 1500


def test_a_set_is_iterated_in_the_same_order_on_both_sides() -> None:
    """Of numbers: the hashes of texts differ from one test process to the next; in the jail they do not."""
    for values in ({6, 7, 8, 9, 10, 11}, set(range(6, 12)), {0.5, 1.5, 2.5}, {12, 13, 14, 15, 16}):
        assert list(Pair().send(values)) == list(values)


def test_not_a_number_is_itself() -> None:
    pair = Pair()
    nan = float("nan")
    assert pair.back(pair.send([nan])[0]) is nan
    assert pair.send(math.nan) is math.nan


def test_arrays_of_numpy_are_values() -> None:
    pair = Pair()
    array = numpy.arange(6, dtype="float32").reshape(2, 3)
    assert numpy.array_equal(pair.send(array), array)
    assert pair.send(array).dtype == array.dtype
    scalar = pair.send(numpy.float64(1.5))
    assert type(scalar) is numpy.float64
    assert scalar == 1.5


@pytest.mark.parametrize(
    "message",
    [
        ((1,), [3], [(1, "container", ("list", None))], [], []),  # a number of the tester's own sign
        ((1,), [3], [("x", "container", ("list", None))], [], []),
        ((1,), [3], [(-1, "container", ("open", None))], [], []),
        ((1,), [3], [(-1, "no such form", None)], [], []),
        ((1,), [(0, 7)], [], [], []),  # an object that was never sent
        ((1,), [(4, "os", "system")], [], [], []),  # a function
        ((1,), [(4, "builtins", "eval")], [], [], []),
        ((1,), [(4, "subprocess", "Popen")], [], [], []),  # a class that acts
        ((1,), [(3, -1, "numpy array", ["|O8", (1, -5, []), b"12345678"])], [], [], []),
        ((1,), [(9, 9)], [], [], []),
        ((1,), [3], [], [(1, b"")], []),
        ((1,), 3, [], [], []),
        (1,),
    ],
)
def test_what_a_candidate_may_not_send_is_refused(message: Any) -> None:
    tester = SharedObjects(1, trusted=False)
    with pytest.raises((UndecodableError, KeyError, ValueError, TypeError, IndexError)):
        tester.unpack(encode(message))


def test_contents_go_only_into_objects_that_were_shared() -> None:
    pair = Pair()
    held, secret = [1], [2]
    pair.send(held)
    with pytest.raises(KeyError):
        pair.tester.unpack(marshal.dumps(((1,), [], [], [(2, marshal.dumps([9], 2))], []), 2))
    assert secret == [2]
