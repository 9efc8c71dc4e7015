"""The encoding is one-to-one on builtins, and its decoder cannot be surprised."""

from __future__ import annotations

import marshal
from collections import Counter, OrderedDict, defaultdict, namedtuple
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prlcoder.executor.comparison import identical_values
from prlcoder.executor.jailed.values import MAX_DEPTH, Opaque, UndecodableError, decode, encode

HASHABLE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
VALUES = st.recursive(
    HASHABLE,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(HASHABLE, inner, max_size=3) | st.sets(HASHABLE, max_size=3)
    ),
    max_leaves=12,
)
Point = namedtuple("Point", "x y")


class Colour(IntEnum):
    RED = 1


class Text(str):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_every_builtin_value_comes_back(value: Any) -> None:
    assert identical_values(decode(encode(value)), value)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_decode_or_are_refused(data: bytes) -> None:
    try:
        value = decode(data)
    except UndecodableError:
        return
    assert isinstance(encode(value), bytes)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Point(1, 2), (1, 2)),
        (Colour.RED, 1),
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(list, {1: [2]}), {1: [2]}),
        (Text("x"), "x"),
        ([Text("x")], ["x"]),
        (bytearray(b"ab"), b"ab"),
        (Fraction(1, 3), Fraction(1, 3)),
        (Decimal("0.10"), Decimal("0.10")),
        (1 << 10_000, 1 << 10_000),
        (-(10**40), -(10**40)),
    ],
)
def test_subclasses_become_the_builtin_they_extend(value: Any, plain: Any) -> None:
    decoded = decode(encode(value))
    assert type(decoded) is type(plain)
    assert decoded == plain


def test_what_has_no_value_is_opaque_and_equal_to_nothing() -> None:
    decoded = decode(encode(x for x in ()))
    assert isinstance(decoded, Opaque)
    assert decoded.kind == "generator"
    assert decoded != decode(encode(x for x in ()))


def test_cycles_and_deep_nests_are_opaque() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert isinstance(decode(encode(cycle)), Opaque)
    assert isinstance(decode(encode(deep)), Opaque)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_depth_has_an_end() -> None:
    assert decode(encode(nested(MAX_DEPTH))) == nested(MAX_DEPTH)
    with pytest.raises(UndecodableError, match="deep"):
        decode(encode(nested(MAX_DEPTH + 1)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"i\x01",
        b"N" + b"N",  # something after the value
        b"[\xff\xff\xff\x7f",  # two billion items
        b"(\xff\xff\xff\xff",  # minus one
        b"l\x00\x00\x00\x00",
        b"l\x01\x00\x00\x00\xff\xff",  # a digit of 16 bits
        b"{NN",  # never ends
        b"<\x01\x00\x00\x00[\x00\x00\x00\x00",  # a list in a set
        b"u\x01\x00\x00\x00\xff",
        marshal.dumps(compile("1", "", "eval"), 2),
        marshal.dumps(StopIteration, 2),
        marshal.dumps((Ellipsis, "object", 0), 2),
        marshal.dumps((Ellipsis, "fraction", 1, 0), 2),
        marshal.dumps((Ellipsis, "decimal", "x"), 2),
        marshal.dumps((Ellipsis, "surprise"), 2),
    ],
)
def test_nonsense_is_refused(data: bytes) -> None:
    with pytest.raises(UndecodableError):
        decode(data)
