"""What the given inputs have in common, and what therefore no generated input may be."""

from __future__ import annotations

from typing import Any

import pytest

from prlcoder.supervision.input_invariants import holds, relations
from prlcoder.supervision.input_ranges import describe, skeleton


@pytest.mark.parametrize(
    ("given", "inside", "outside"),
    [
        ([3, 9], [3, 5, 9], [2, 10, True, 5.0, None]),
        ([0.5, 2.0], [0.5, 1.25], [0.4, 1, "1"]),
        ([True], [True], [False, 1]),
        ([None, 4], [None, 4], [3, 0]),
        (["ab", "abca"], ["ba", "aaa"], ["a", "abcab", "ad", "a b"]),
        (["12", "304"], ["21", "340"], ["012", "1a"]),
        (["2026-01-02"], ["2021-02-06"], ["2026-1-002 ", "20260102--"]),
        ([[1, 5, 2], [4]], [[5], [2, 1]], [[], [1, 2, 3, 4], [6], (1, 2)]),
        ([[1, 2, 5], [2, 3]], [[1, 5]], [[5, 1]]),
        ([[3, 1, 2], [4, 5]], [[1, 4], [2, 1, 3]], [[1, 1]]),
        ([[[1, 2], [3, 4]], [[5, 6], [7, 8], [9, 1]]], [[[1, 2], [1, 8]]], [[[1, 2], [3]]]),
        ([{"a": 1, "b": 2}, {"a": 3}], [{"b": 3}], [{}, {"a": 4}, {"a": 1, "b": 2, "ab": 3}]),
        ([{}], [{}], [{"a": 1}]),
        ([{1, 2}, {3}], [{2}, {1, 3}], [set(), {4}, frozenset({1})]),
        ([("a", 1), ("b", 7)], [("b", 2)], [("b", 8), (1, "a"), ("a",)]),
    ],
)
def test_an_envelope_admits_what_lies_between_the_given_values(given: Any, inside: Any, outside: Any) -> None:
    envelope = describe(given)
    assert [value for value in [*given, *inside] if not envelope.admits(value)] == []
    assert [value for value in outside if envelope.admits(value)] == []


def test_a_list_of_pairs_keeps_the_range_of_each_field() -> None:
    envelope = describe([[[0, 10], [1, 20]], [[2, 30], [0, 40]]])
    assert envelope.admits([[2, 15], [1, 33]])
    assert not envelope.admits([[15, 2], [1, 33]])


def test_the_skeleton_of_a_text_is_its_form() -> None:
    assert [skeleton(text) for text in ("", "abc", "a1b22", "2026-11-21", "(())", "two words")] == [
        "",
        "a",
        "a9a9",
        "9-9-9",
        "(())",
        "a a",
    ]


@pytest.mark.parametrize(
    ("given", "kept", "broken"),
    [
        ([(3, [1, 2, 3]), (2, [9, 9])], (4, [5, 6, 7, 8]), (3, [1, 2])),  # n == len(values)
        ([(1, [1, 2, 3]), (2, [9, 9])], (1, [5]), (3, [5, 6])),  # k <= len(values)
        ([([9, 7], [8, 7]), ([7], [9])], ([7, 8, 9], [9, 8, 7]), ([7, 8], [9])),  # lists of one length
        ([(5, [[0, 1], [3, 4]]), (3, [[2, 1]])], (3, [[2, 0]]), (3, [[2, 3]])),  # nodes below n
        ([([4, 5], 5), ([1, 2, 3], 1)], ([7, 8, 9], 8), ([7, 8, 9], 6)),  # an element of the list
        ([([1, 2, 3], [3, 1, 2]), ([4, 5], [5, 4])], ([6, 7], [7, 6]), ([6, 7], [7, 7])),  # rearranged
        ([("ab", "ba"), ("abc", "cab")], ("xyz", "zyx"), ("xyz", "zzx")),
        ([(1, 5), (2, 3)], (4, 6), (6, 4)),  # first < second
    ],
)
def test_relations_between_arguments_are_kept(given: Any, kept: Any, broken: Any) -> None:
    found = relations(given)
    assert holds(found, kept)
    assert not holds(found, broken)
