"""``problems.overrides``: better canonical solutions, each at the right problem or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prlcoder.errors import InputError
from prlcoder.problems.model import CallTest, CallTests
from prlcoder.problems.reading import read
from prlcoder.spec import NanoSuite, Select

EVEN = "def is_even(n):\n\treturn not n & 1\n"
Write = Callable[..., str]


@pytest.fixture
def overrides(tmp_path: Path) -> Write:
    """Writes lines to an overrides file and gives its path."""

    def write(*rows: dict[str, Any] | str) -> str:
        path = tmp_path / "o.jsonl"
        path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
        return str(path)

    return write


def test_the_canonical_solution_is_replaced_and_normalised_and_others_stay(fixtures: Path, overrides: Write) -> None:
    before = list(read(str(fixtures / "prlcoder.jsonl")))
    path = overrides({"problem_id": "own/stdio", "solution": "if 1:\n\tprint(3)\n"})
    after = list(read(str(fixtures / "prlcoder.jsonl"), overrides=path))
    assert [each.id for each in after] == [each.id for each in before]
    assert after[1].solutions == ("if 1:\n    print(3)\n", *before[1].solutions[1:])
    assert (after[1].tests, after[1].statement) == (before[1].tests, before[1].statement)
    assert (after[0], after[2]) == (before[0], before[2])


def test_tests_and_statement_may_come_with_it(fixtures: Path, overrides: Write) -> None:
    tests = {"kind": "calls", "entry_point": "is_even", "cases": [{"input": "4", "output": "True"}]}
    path = overrides({"problem_id": "511", "solution": EVEN, "tests": tests, "statement": "Even?"})
    even = list(read(str(fixtures / "mbpp.jsonl"), overrides=path))[-1]
    assert even.tests == CallTests("is_even", (CallTest((4,), {}, True),))
    assert even.statement == "Even?"


def test_a_problem_without_a_solution_gets_one(fixtures: Path, overrides: Write) -> None:
    path = overrides({"problem_id": "own_c", "solution": "print(input())"})
    assert list(read(str(fixtures / "livecodebench.jsonl"), overrides=path))[-1].solutions == ("print(input())",)


def test_generated_problems_can_be_overridden(overrides: Write) -> None:
    sizes = NanoSuite(train=2, validation=1, test=1)
    first = next(read("nano", nano=sizes))
    path = overrides({"problem_id": first.id, "solution": first.prompt + "    return 1\n"})
    assert next(read("nano", nano=sizes, overrides=path)).canonical == first.prompt + "    return 1\n"


@pytest.mark.parametrize("reading", [{}, {"limit": 1}, {"select": Select(difficulty=("easy",))}])
def test_an_override_of_an_unknown_problem_is_named(reading: dict[str, Any], fixtures: Path, overrides: Write) -> None:
    path = overrides({"problem_id": "own/stdio", "solution": "x = 1"}, {"problem_id": "own/typo", "solution": "x = 1"})
    with pytest.raises(InputError) as raised:
        list(read(str(fixtures / "prlcoder.jsonl"), overrides=path, **reading))
    assert str(raised.value) == (
        f"{path}:2: problem_id: 'own/typo' is not in {fixtures}/prlcoder.jsonl; "
        "check the id with `prlcoder problems inspect`"
    )


def test_an_override_behind_the_limit_is_not_unknown(fixtures: Path, overrides: Write) -> None:
    path = overrides({"problem_id": "own/stdio", "solution": "x = 1"})
    assert [each.id for each in read(str(fixtures / "prlcoder.jsonl"), overrides=path, limit=1)] == ["own/calls"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["{"], "1: not JSON ("),
        ([{"problem_id": "2"}], "1: solution: missing"),
        ([{"problem_id": "2", "solution": "x ="}], "1: solution: is not Python: invalid syntax (its line 1)"),
        ([{"problem_id": "2", "solution": "x", "test": 1}], "1: test: unknown field; the known fields are problem_id"),
        ([{"problem_id": "2", "solution": "x", "tests": {"kind": "x"}}], "1: tests.kind: 'x' is not a kind of tests"),
        ([{"problem_id": "2", "solution": "x"}] * 2, "2: problem_id: '2' was already used on line 1"),
    ],
)
def test_a_wrong_override_is_named_by_line_and_field(
    rows: list[Any], message: str, fixtures: Path, overrides: Write
) -> None:
    path = overrides(*rows)
    with pytest.raises(InputError) as raised:
        list(read(str(fixtures / "mbpp.jsonl"), overrides=path))
    assert str(raised.value).startswith(f"{path}:{message}")


def test_an_empty_overrides_file_is_an_error(fixtures: Path, overrides: Write) -> None:
    with pytest.raises(InputError, match="contains no overrides"):
        read(str(fixtures / "mbpp.jsonl"), overrides=overrides())


def test_a_solution_that_does_not_begin_with_the_prompt_is_the_overrides_fault(
    fixtures: Path, overrides: Write
) -> None:
    path = overrides({"problem_id": "Own/0", "solution": "def double(x):\n    return x + x\n"})
    with pytest.raises(InputError) as raised:
        list(read(str(fixtures / "humaneval.jsonl"), overrides=path, skip_invalid=True))
    assert str(raised.value).startswith(f"{path}:1: solutions[0]: does not begin with the prompt")
