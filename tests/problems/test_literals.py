"""The literal codec: readable text, exact round trips, nothing but literals in."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prlcoder.problems.literals import LiteralError, decode, decode_arguments, encode, encode_arguments

hashables: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
values: st.SearchStrategy[Any] = st.recursive(
    hashables,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(hashables, inner, max_size=3)
        | st.sets(hashables, max_size=3)
    ),
    max_leaves=12,
)


def typed(value: Any) -> Any:
    """A form in which True, 1 and 1.0 differ, and 0.0 and -0.0 too."""
    if isinstance(value, list | tuple):
        return type(value).__name__, [typed(item) for item in value]
    if isinstance(value, set | frozenset):
        return type(value).__name__, sorted(map(repr, map(typed, value)))
    if isinstance(value, dict):
        return "dict", [(typed(key), typed(item)) for key, item in value.items()]
    return type(value).__name__, repr(value)


@settings(max_examples=150, deadline=None)
@given(values)
def test_decoding_what_was_encoded_gives_the_same_value_of_the_same_types(value: Any) -> None:
    assert typed(decode(encode(value))) == typed(value)


@settings(max_examples=100, deadline=None)
@given(st.lists(values, max_size=3), st.dictionaries(st.text(), values, max_size=3))
def test_arguments_come_back_as_they_were(args: list[Any], kwargs: dict[str, Any]) -> None:
    back_args, back_kwargs = decode_arguments(encode_arguments(tuple(args), kwargs))
    assert typed(back_args) == typed(tuple(args))
    assert {name: typed(value) for name, value in back_kwargs.items()} == {
        name: typed(value) for name, value in kwargs.items()
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((), "()"),
        ((1,), "(1,)"),
        (set(), "set()"),
        (frozenset(), "frozenset(set())"),
        ({"b", "a"}, "{'a', 'b'}"),
        ([math.inf, -math.inf], "[inf, -inf]"),
        ({"a": [True, None, -0.0]}, "{'a': [True, None, -0.0]}"),
        (complex(-0.0, math.inf), "complex(-0.0, inf)"),
    ],
)
def test_values_are_written_as_python_writes_them(value: Any, text: str) -> None:
    assert encode(value) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1j", 1j),
        ("-2j", -2j),
        ("1 + 2j", 1 + 2j),
        ("(-1.5-2j)", -1.5 - 2j),
        ("-(1+2j)", -1 - 2j),
        ("complex(1, 2)", 1 + 2j),
    ],
)
def test_a_complex_number_is_read_as_python_writes_it(text: str, value: complex) -> None:
    assert typed(decode(text)) == typed(value)


def test_not_a_number_and_numbers_beyond_the_digit_limit_survive() -> None:
    assert math.isnan(decode(encode(math.nan)))
    assert decode(encode(10**5000)) == 10**5000


def test_arguments_are_written_as_between_the_parentheses_of_a_call() -> None:
    assert encode_arguments(([1, 2],), {"target": 3}) == "[1, 2], target=3"
    assert encode_arguments((), {"class": 1}) == "**{'class': 1}"
    assert decode_arguments("nums = [2, 7],\n target = 9") == ((), {"nums": [2, 7], "target": 9})


@pytest.mark.parametrize(
    "text",
    [
        *("__import__('os')", "x", "1 + 2", "[x for x in ()]", "f'{1}'", "", "1; 2", "set(a=1)", "{**{}}", "..."),
        *("1j + 2", "1 + 2j + 3", "complex('1j')", "complex(1)", "complex(1, 2j)", "True - 1j"),
        *("lambda: 1", "{[]: 1}", "(" * 500, "[" * 150 + "]" * 150 + ")"),
    ],
)
def test_anything_but_a_literal_is_refused(text: str) -> None:
    with pytest.raises(LiteralError):
        decode(text)


@pytest.mark.parametrize("text", ["1)(2", "1) + call(2", "*[1]", "a=1, a=2", "**{1: 2}", "a=1, **{'a': 2}", "1)#("])
def test_text_that_leaves_the_argument_list_is_refused(text: str) -> None:
    with pytest.raises(LiteralError):
        decode_arguments(text)


def test_values_that_literals_cannot_express_are_refused() -> None:
    class Number(int):
        pass

    for value in (object(), Number(3), [range(3)]):
        with pytest.raises(LiteralError, match="cannot be written"):
            encode(value)
