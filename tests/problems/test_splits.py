"""Splits: complete, disjoint, stratified, the same for the same seed, with duplicates on one side."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prlcoder.errors import InputError
from prlcoder.problems.model import AssertTests, Problem
from prlcoder.problems.reading import read
from prlcoder.problems.similarity import duplicate_groups, solution_key, words
from prlcoder.problems.splits import Splits, split
from prlcoder.spec import Split

TESTS = AssertTests(source="assert f(1)", entry_point="f", check=False)


def problem(
    name: str,
    difficulty: str | None = None,
    *,
    published: str | None = None,
    statement: str = "",
    solution: str = "",
) -> Problem:
    words_of_its_own = " ".join(f"{name}{index}" for index in range(8))
    return Problem(
        id=name,
        statement=statement or words_of_its_own,
        tests=TESTS,
        solutions=(solution,) if solution else (),
        difficulty=difficulty,
        split=published,
    )


def parts(splits: Splits) -> dict[str, str]:
    return {id: name for name in ("train", "validation", "test") for id in getattr(splits, name)}


strata = st.dictionaries(st.sampled_from(["easy", "medium", "hard"]), st.integers(1, 25), min_size=1)
shares = st.tuples(st.floats(0, 0.45), st.floats(0, 0.45))


@settings(max_examples=40, deadline=None)
@given(strata, shares, st.integers(0, 1000))
def test_every_problem_is_in_one_part_and_each_difficulty_within_one_of_its_share(
    sizes: dict[str, int], fractions: tuple[float, float], seed: int
) -> None:
    problems = [problem(f"{level}-{i}", level) for level, size in sizes.items() for i in range(size)]
    validation, test = fractions
    result = split(problems, Split(validation=validation, test=test, seed=seed))
    place = parts(result)
    assert len(result.train) + len(result.validation) + len(result.test) == len(place) == len(problems)
    counts = Counter((each.difficulty, place[each.id]) for each in problems)
    for level, size in sizes.items():
        for name, share in (("train", 1 - validation - test), ("validation", validation), ("test", test)):
            assert abs(counts[level, name] - share * size) < 1 + 1e-6


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 1000))
def test_the_order_of_the_problems_does_not_matter_and_the_seed_does(seed: int, shuffle: int) -> None:
    problems = [problem(f"p{i}", "easy" if i % 3 else "hard") for i in range(40)]
    first = split(problems, Split(seed=seed))
    random.Random(shuffle).shuffle(problems)
    assert split(problems, Split(seed=seed)) == first
    assert split(problems, Split(seed=seed)).digest == first.digest
    assert split(problems, Split(seed=seed + 1)).digest != first.digest


def test_eight_problems_at_a_quarter_each_are_four_two_two() -> None:
    result = split([problem(f"p{i}") for i in range(8)], Split())
    assert (len(result.train), len(result.validation), len(result.test)) == (4, 2, 2)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=8, max_size=40), st.integers(0, 100))
def test_duplicates_never_straddle(families: list[int], seed: int) -> None:
    """Problems of one family have the same statement, or the same solution, by turns."""
    problems = [
        problem(
            f"p{index}",
            random.Random(index).choice(["easy", "hard"]),
            statement=f"Return the sum of family {family} of numbers, taken {family} at a time." * (index % 2),
            solution=f"def f(x):\n    return x + {family}  # {index}\n",
        )
        for index, family in enumerate(families)
    ]
    place = parts(split(problems, Split(seed=seed)))
    for family in set(families):
        assert len({place[f"p{i}"] for i, each in enumerate(families) if each == family}) == 1


def test_case_layout_and_a_word_at_the_edge_do_not_make_another_problem_and_its_words_do() -> None:
    text = "Given a list of whole numbers, return how many of them are larger than the one just before them in it."
    pair = [
        problem("a", statement=text),
        problem("b", statement=text.removeprefix("Given ").replace(" ", "\n").upper()),
        problem("c", statement=text.replace("larger", "smaller").replace("before", "after")),
        problem("d", statement="Given a list, return it reversed."),
    ]
    groups = sorted(tuple(each.id for each in group) for group in duplicate_groups(pair))
    assert groups == [("a", "b"), ("c",), ("d",)]


def test_the_same_solution_in_another_layout_is_the_same_solution() -> None:
    one = "def f(x):\n    return [x, 1]  # both\n"
    assert solution_key(one) == solution_key("def f( x ):\n\treturn [x,\n\t\t1]\n")
    assert solution_key(one) != solution_key("def f(y):\n    return [y, 1]\n")
    assert words("Sum  of\nV1, v2!") == ["sum", "of", "v1", ",", "v2", "!"]


def test_published_places_are_kept_and_the_others_are_divided() -> None:
    published = [problem(f"{name}{i}", published=name) for name in ("train", "test") for i in range(3)]
    others = [problem(f"other{i}") for i in range(8)]
    place = parts(split(published + others, Split(by="published")))
    assert all(place[each.id] == each.split for each in published)
    assert Counter(place[each.id] for each in others) == {"train": 4, "validation": 2, "test": 2}


def test_an_unpublished_copy_of_a_published_problem_joins_it() -> None:
    same = "Write a function that tells whether a year is a leap year in the Gregorian calendar."
    problems = [
        problem("a", published="train", statement=same),
        problem("b", published="test", statement=same),
        problem("c", statement=same),
    ]
    assert parts(split(problems, Split(by="published"))) == {"a": "train", "b": "test", "c": "test"}


def test_shares_that_leave_no_training_part_are_refused() -> None:
    with pytest.raises(InputError, match=r"problems\.split: validation and test leave nothing to train on"):
        split([problem("a")], Split(validation=0.5, test=0.5))


def test_leetcode_halves_and_quarters_by_difficulty(shared_data: Path) -> None:
    problems = list(read(str(shared_data / "LeetCodeDataset-v0.3.0-test.jsonl.gz")))
    result = split(problems, Split())
    place = parts(result)
    counts = Counter((each.difficulty, place[each.id]) for each in problems)
    assert len(place) == 386
    for level, size in {"easy": 90, "medium": 188, "hard": 108}.items():
        assert abs(counts[level, "test"] - size / 4) <= 1
        assert abs(counts[level, "validation"] - size / 4) <= 1
    for group in duplicate_groups(problems):
        assert len({place[each.id] for each in group}) == 1
