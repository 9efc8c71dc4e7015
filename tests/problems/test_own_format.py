"""Our own format keeps every field of every problem, in JSON Lines and in Parquet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prlcoder.errors import InputError
from prlcoder.files import dump
from prlcoder.problems.formats import own
from prlcoder.problems.formats.record import FieldError, Record
from prlcoder.problems.model import (
    AssertTests,
    CallTest,
    CallTests,
    Comparison,
    Problem,
    StdioTest,
    StdioTests,
    Tolerance,
)
from prlcoder.problems.reading import read
from prlcoder.problems.writing import problem_writer
from prlcoder.storage import location

filled = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(lambda text: bool(text.strip()))
text = st.text(st.characters(codec="utf-8"), max_size=20)
literal = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=2),
    max_leaves=5,
)
tolerances = st.none() | st.builds(Tolerance, absolute=st.floats(0, 1), relative=st.floats(0, 1))
limits = st.none() | st.floats(0.001, 100)
CHECKER = "def check(input, output, expected):\n    return sorted(output) == sorted(expected)\n"
calls = st.builds(
    CallTests,
    entry_point=filled,
    cases=st.lists(
        st.builds(
            CallTest,
            args=st.lists(literal, max_size=2).map(tuple),
            kwargs=st.dictionaries(text, literal, max_size=2),
            expected=literal | st.sets(st.integers(), max_size=3) | st.tuples(st.integers()),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
    comparison=st.sampled_from([Comparison.VALUE, Comparison.STRICT, Comparison.SHALLOW]),
    tolerance=tolerances,
    test_limit_s=limits,
)
stdio = st.builds(
    StdioTests,
    cases=st.lists(st.builds(StdioTest, stdin=text, expected=text), min_size=1, max_size=3).map(tuple),
    comparison=st.sampled_from([Comparison.LINES, Comparison.TOKENS, Comparison.DECIMALS, Comparison.FLOATS]),
    tolerance=tolerances,
    test_limit_s=limits,
)
checked = st.builds(
    StdioTests,
    cases=st.just((StdioTest("2\n", "1 2\n"),)),
    checker=st.just(CHECKER),
    test_limit_s=limits,
)
asserts = st.builds(
    AssertTests,
    source=st.just("assert f(1) == 2"),
    entry_point=filled,
    check=st.booleans(),
    setup=text,
)
problems = st.builds(
    Problem,
    id=filled,
    statement=filled,
    tests=calls | stdio | checked | asserts,
    solutions=st.lists(text, max_size=2).map(tuple),
    prompt=text,
    starter_code=text,
    preamble=text,
    difficulty=st.none() | filled,
    split=st.sampled_from([None, "train", "validation", "test"]),
    source=filled,
    meta=st.dictionaries(text, literal, max_size=2),
)


@settings(max_examples=100, deadline=None)
@given(problems)
def test_a_problem_written_and_read_is_the_same_problem(problem: Problem) -> None:
    assert own.parse(Record(json.loads(dump(own.encode(problem))))) == problem


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(problems, min_size=1, max_size=4))
def test_parquet_keeps_what_json_lines_keep(tmp_path: Path, written: list[Problem]) -> None:
    from prlcoder.problems.tables import read_rows

    path = tmp_path / "problems.parquet"
    with problem_writer(path) as write:
        for problem in written:
            write(problem)
    assert [own.parse(Record(row)) for _, row in read_rows(location(str(path)))] == written
    assert [number for number, _ in read_rows(location(str(path)))] == list(range(1, len(written) + 1))


@pytest.mark.parametrize("name", ["again.jsonl", "again.jsonl.gz", "again.parquet"])
def test_reading_what_was_converted_gives_the_same_problems(tmp_path: Path, name: str, fixtures: Path) -> None:
    for original in sorted(fixtures.glob("*.jsonl")):
        problems = list(read(str(original)))
        with problem_writer(tmp_path / name) as write:
            for problem in problems:
                write(problem)
        assert list(read(str(tmp_path / name))) == problems


def test_cases_are_written_as_an_argument_list_and_a_literal(fixtures: Path) -> None:
    problem = next(read(str(fixtures / "prlcoder.jsonl")))
    assert isinstance(problem.tests, CallTests)
    assert problem.tests.cases[0] == CallTest(
        args=([("a", "b"), ("c",)],),
        kwargs={"sep": "-"},
        expected={"rows": {"a-b", "c"}, "ratio": float("inf")},
    )
    assert own.encode(problem)["tests"]["cases"][1] == {"input": "[]", "output": "None"}


STDIO: dict[str, Any] = {"kind": "stdio", "cases": [{"input": "1", "output": "2"}]}
BASE: dict[str, Any] = {
    "id": "a",
    "statement": "s",
    "tests": {"kind": "calls", "entry_point": "f", "cases": [{"input": "1", "output": "2"}]},
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dificulty": "easy"}, r"dificulty: unknown field; the known fields are difficulty, "),
        ({"id": 3}, r"id: text was expected, not an integer"),
        ({"id": " "}, r"id: is empty"),
        ({"statement": None}, r"statement: missing"),
        ({"solutions": ["x", 1]}, r"solutions\[1\]: text was expected, not an integer"),
        ({"split": "dev"}, r"split: 'dev' is not a split; write one of train, validation, test, or null"),
        ({"tests": []}, r"tests: an object was expected, not a list"),
        ({"tests": {}}, r"tests.kind: missing"),
        ({"tests": {"kind": "io"}}, r"tests.kind: 'io' is not a kind of tests"),
        ({"tests": {**BASE["tests"], "cases": []}}, r"tests.cases: is empty; a problem needs at least one test"),
        ({"tests": {**BASE["tests"], "cases": [3]}}, r"tests.cases\[0\]: an object was expected"),
        ({"tests": {**BASE["tests"], "cases": [{"input": "1"}]}}, r"tests.cases\[0\].output: missing"),
        (
            {"tests": {**BASE["tests"], "cases": [{"input": "x", "output": "2"}]}},
            r"tests.cases\[0\].input: holds 'x', which is not a literal",
        ),
        (
            {"tests": {**BASE["tests"], "comparison": "lines"}},
            r"tests.comparison: 'lines' does not apply here; write one of value, strict",
        ),
        (
            {"tests": {**BASE["tests"], "tolerance": 1e-6}},
            r"tests.tolerance: an object was expected, not a number",
        ),
        (
            {"tests": {**BASE["tests"], "tolerance": {"absolute": -1}}},
            r"tests.tolerance.absolute: -1.0 is not a tolerance; write a number of at least 0",
        ),
        (
            {"tests": {**STDIO, "comparison": "exact", "tolerance": {"absolute": 1}}},
            r"tests.tolerance: does not apply to `exact`",
        ),
        (
            {"tests": {**STDIO, "test_limit_s": 0}},
            r"tests.test_limit_s: 0.0 is not a limit; write seconds above 0",
        ),
        ({"tests": {**STDIO, "checker": "def check("}}, r"tests.checker: is not Python"),
        ({"tests": {**STDIO, "checker": "check = 1"}}, r"tests.checker: defines no function `check`"),
        (
            {"tests": {**STDIO, "checker": "def check(x):\n    return x"}},
            r"tests.checker: `check` takes 1 values; define check\(input, output, expected\)",
        ),
        (
            {"tests": {**STDIO, "checker": CHECKER, "comparison": "lines"}},
            r"tests.comparison: does not apply beside a checker",
        ),
        (
            {"tests": {"kind": "asserts", "entry_point": "f", "source": "x", "check": 1}},
            r"tests.check: true or false was expected, not an integer",
        ),
        (
            {"tests": {"kind": "asserts", "entry_point": "f", "source": "assert (", "check": False}},
            r"tests.source: is not Python: ",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_field(change: dict[str, Any], message: str) -> None:
    own.parse(Record(BASE))
    with pytest.raises(FieldError, match=f"^{message}"):
        own.parse(Record(BASE | change))


def test_floats_of_calls_are_a_tolerance_of_a_millionth() -> None:
    tests = own.parse(Record(BASE | {"tests": {**BASE["tests"], "comparison": "floats"}})).tests
    assert isinstance(tests, CallTests)
    assert (tests.comparison, tests.tolerance) == (Comparison.VALUE, Tolerance(absolute=1e-6, relative=1e-6))


def test_a_checker_needs_no_expected_output() -> None:
    cases = [{"input": "1"}]
    stdio = own.parse(Record(BASE | {"tests": {**STDIO, "checker": CHECKER, "cases": cases}})).tests
    assert isinstance(stdio, StdioTests)
    assert stdio.cases == (StdioTest("1", ""),)
    calls = own.parse(Record(BASE | {"tests": {**BASE["tests"], "checker": CHECKER, "cases": cases}})).tests
    assert isinstance(calls, CallTests)
    assert calls.cases == (CallTest((1,), {}, None),)


def test_a_value_that_no_literal_expresses_is_refused_with_its_problem(tmp_path: Path) -> None:
    tests = CallTests("f", (CallTest((range(1),), {}, None),))
    with (
        pytest.raises(InputError, match=r"tests: problem a: a value of type range"),
        problem_writer(tmp_path / "out.jsonl") as write,
    ):
        write(Problem(id="a", statement="s", tests=tests))
    assert list(tmp_path.iterdir()) == []


def test_a_lone_surrogate_goes_into_json_lines_and_is_refused_by_parquet(tmp_path: Path) -> None:
    odd = Problem(id="a", statement="\ud800", tests=AssertTests("assert f(1)", "f", check=False))
    with problem_writer(tmp_path / "out.jsonl") as write:
        write(odd)
    assert list(read(str(tmp_path / "out.jsonl"))) == [odd]
    with (
        pytest.raises(InputError, match="Parquet cannot hold a lone surrogate"),
        problem_writer(tmp_path / "out.parquet") as write,
    ):
        write(odd)
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]
