"""The nano problems: their numbers, their tests, and that the splits have nothing in common."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from prlcoder.errors import InputError
from prlcoder.problems.model import CallTests, Comparison, Problem
from prlcoder.problems.nano import suite
from prlcoder.problems.nano.heldout import normalised_program, normalised_statement
from prlcoder.problems.nano.reducers import REDUCERS
from prlcoder.problems.nano.transforms import TRANSFORMS
from prlcoder.spec import NanoSuite


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    return list(suite.problems(NanoSuite()))


def cases(problem: Problem) -> CallTests:
    assert isinstance(problem.tests, CallTests)
    return problem.tests


def test_the_default_suite_has_the_sizes_of_the_recipe_in_order(problems: list[Problem]) -> None:
    assert [p.split for p in problems] == ["train"] * 300 + ["validation"] * 150 + ["test"] * 300
    assert problems[0].id == "nano/train/0001"
    assert problems[449].id == "nano/validation/0150"
    assert problems[-1].id == "nano/test/0300"
    assert len({p.id for p in problems}) == 750


def test_levels_have_equal_thirds_and_their_numbers_of_steps(problems: list[Problem]) -> None:
    assert Counter((p.split, p.difficulty) for p in problems) == {
        (split, level): size
        for split, size in (("train", 100), ("validation", 50), ("test", 100))
        for level in ("easy", "medium", "hard")
    }
    steps = {"easy": {2}, "medium": {3}, "hard": {4, 5}}
    assert all(p.statement.count("\n") in steps[p.difficulty or ""] for p in problems)
    hard = Counter(p.statement.count("\n") for p in problems if p.difficulty == "hard")
    assert 95 <= hard[4] <= 155  # 250 draws at 1/2, four standard deviations


def test_every_operation_occurs(problems: list[Problem]) -> None:
    seen = {name for p in problems for name in p.meta["operations"]}
    assert seen == {operation.name for operation in (*TRANSFORMS, *REDUCERS)}


def test_tests_hold_the_empty_list_and_nineteen_more_and_tell_programs_apart(problems: list[Problem]) -> None:
    for problem in problems:
        tests = cases(problem)
        assert (tests.entry_point, tests.comparison) == ("f", Comparison.STRICT)
        first, *others = [case.args[0] for case in tests.cases]
        assert first == []
        assert len(others) == 19
        assert all(1 <= len(items) <= 9 and -6 <= min(items) <= max(items) <= 20 for items in others)
        assert len({repr(case.expected) for case in tests.cases}) >= 6


def test_the_canonical_program_run_as_a_whole_gives_the_expected_answers(problems: list[Problem]) -> None:
    for problem in problems:
        names: dict[str, Any] = {}
        exec(problem.canonical, names)
        for case in cases(problem).cases:
            items = list(case.args[0])
            assert repr(names["f"](items)) == repr(case.expected)
            assert items == case.args[0]  # the input is left as it was


def test_programs_begin_with_the_prompt_and_statements_are_comments(problems: list[Problem]) -> None:
    for problem in problems:
        assert problem.canonical.startswith(problem.prompt)
        assert problem.prompt == "def f(v0):\n"
        assert problem.canonical.rstrip().split("\n")[-1].startswith("    return ")
        assert all(line.startswith(f"# {n}: ") for n, line in enumerate(problem.statement.splitlines(), start=1))


def test_no_statement_and_no_solution_occurs_twice_in_a_suite(problems: list[Problem]) -> None:
    assert len({normalised_statement(p.statement) for p in problems}) == 750
    assert len({normalised_program(p.canonical) for p in problems}) == 750


def test_the_test_split_is_the_same_whatever_the_other_sizes(problems: list[Problem]) -> None:
    small = list(suite.problems(NanoSuite(train=7, validation=5, test=30)))
    assert small[12:] == problems[450:480]


def test_a_family_without_further_problems_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "MAX_ATTEMPTS", 1)
    with pytest.raises(InputError, match=r"problems\.nano\.test: the nano family has no more \w+ problems after \d+"):
        list(suite.problems(NanoSuite()))


def test_normalising_drops_what_a_reader_would_not_call_a_difference() -> None:
    assert normalised_statement("# 1: Keep  it\n#2: go") == normalised_statement("# 1: keep it\n# 2: go\n")
    assert normalised_statement("# 1: keep it") != normalised_statement("# 2: keep it")
    assert normalised_program("# note\ndef f(v0):  \n\n    # why\n    return v0\n") == "def f(v0):\n    return v0"
    assert normalised_program("x = 1\n") != normalised_program("    x = 1\n")
