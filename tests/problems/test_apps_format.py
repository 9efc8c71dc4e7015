"""APPS and APPS+: folders, tables, and what their tests mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prlcoder.errors import InputError
from prlcoder.problems.formats import Record
from prlcoder.problems.formats.apps import parse
from prlcoder.problems.formats.inputs_outputs import parse_tests
from prlcoder.problems.model import CallTest, CallTests, Comparison, StdioTest, StdioTests
from prlcoder.problems.reading import read

PROGRAM = "print(input())\n"
Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Makes ``apps/NAME`` with the files of one problem; ``change`` replaces a file's text, or removes it (None)."""

    def make(name: str, **change: str | None) -> Path:
        files: dict[str, str | None] = {
            "question": "Print the line.",
            "input_output": json.dumps({"inputs": ["a\n"], "outputs": ["a\n"]}),
            "solutions": json.dumps([PROGRAM]),
            "metadata": json.dumps({"difficulty": "interview", "url": "https://example.org/1"}),
        }
        place = tmp_path / "apps" / name
        place.mkdir(parents=True)
        names = {"question": "question.txt", "starter_code": "starter_code.py"}
        for file, text in (files | change).items():
            if text is not None:
                (place / names.get(file, f"{file}.json")).write_text(text)
        return tmp_path / "apps"

    return make


def io(**fields: Any) -> Record:
    return Record(fields, "input_output")


def test_a_folder_of_folders_is_one_problem_each_in_their_order(folder: Folder) -> None:
    folder("0002", starter_code="def f():\n\t", metadata=None)
    root = folder("0001")
    (root / "README.md").write_text("not a problem")
    first, second = read(str(root))
    assert (first.id, first.statement, first.difficulty) == ("0001", "Print the line.", "interview")
    assert first.tests == StdioTests((StdioTest("a\n", "a\n"),), Comparison.APPS, test_limit_s=4.0)
    assert (first.solutions, first.source, first.split) == ((PROGRAM,), "apps", None)
    assert first.meta == {"url": "https://example.org/1"}
    assert (second.id, second.starter_code, second.difficulty) == ("0002", "def f():\n", None)


def test_one_problem_folder_and_both_parts_of_the_data_set_can_be_named(folder: Folder) -> None:
    folder("train/0001")
    root = folder("test/0001", solutions=None)
    assert [(each.id, each.split) for each in read(str(root))] == [("train/0001", "train"), ("test/0001", "test")]
    assert [(each.id, each.split) for each in read(str(root / "test"))] == [("0001", "test")]
    assert [each.id for each in read(f"{root}/train/0001")] == ["0001"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_output": None}, "input_output: missing"),
        ({"input_output": "{"}, "input_output.json: not JSON (Expecting property name enclosed in double quotes, li"),
        ({"input_output": "[]"}, "input_output: an object was expected, not a list"),
        ({"input_output": "{}"}, "input_output.inputs: missing"),
        ({"input_output": '{"inputs": [], "outputs": []}'}, "input_output.inputs: is empty; a problem needs at least"),
        ({"input_output": '{"inputs": [1, 2], "outputs": [1]}'}, "input_output.outputs: 1 outputs for 2 inputs"),
        (
            {"input_output": '{"inputs": ["a"], "outputs": ["b"], "fn_name": "f"}'},
            "input_output.inputs[0]: a list of arguments was expected, not text",
        ),
        (
            {"input_output": '{"inputs": [[1]], "outputs": [1], "fn_name": "f()"}'},
            "input_output.fn_name: 'f()' is not a function's name",
        ),
        ({"solutions": '["print 1"]'}, "solutions: none of the 1 programs is Python 3"),
        ({"solutions": "[3]"}, "solutions[0]: text was expected, not an integer"),
        ({"metadata": "[]"}, "metadata.json: a JSON object was expected"),
        ({"question": "\n"}, "question: is empty"),
    ],
)
def test_what_is_wrong_in_a_folder_is_named_by_folder_and_field(
    change: dict[str, str | None], message: str, folder: Folder
) -> None:
    folder("0001")
    root = folder("0002", **change)
    with pytest.raises(InputError) as raised:
        list(read(str(root)))
    assert str(raised.value).startswith(f"{root}/0002: {message}")
    aside: list[dict[str, Any]] = []
    assert [each.id for each in read(str(root), skip_invalid=True, quarantine=aside.append)] == ["0001"]
    assert [(row["file"], row["line"]) for row in aside] == [(f"{root}/0002", None)]


def test_solutions_of_another_python_are_left_out_and_counted(fixtures: Path) -> None:
    sums = next(read(str(fixtures / "apps.jsonl")))
    assert len(sums.solutions) == 2
    assert sums.meta["not_python"] == [1]


def called(function: str, *cases: CallTest, limit: float | None = None) -> CallTests:
    """Calls as APPS's harness makes them."""
    how = f"Solution().{function} if 'Solution' in globals() else {function}"
    return CallTests(how, cases, Comparison.APPS, test_limit_s=limit)


def test_functions_are_methods_of_solution_if_the_program_has_that_class(fixtures: Path) -> None:
    _, above, order, mean = read(str(fixtures / "apps.jsonl"))
    assert above.tests == called("above", CallTest(([1, 5], 4), {}, [5]), CallTest(([1], 0), {}, [1]), limit=4.0)
    assert order.tests == called("order", CallTest(({1: 2, 7: 5},), {}, [[7, 1]]), CallTest(({},), {}, [[]]), limit=4.0)
    assert mean.tests == StdioTests((StdioTest("2\n1 2", "1.50000"),), Comparison.APPS, test_limit_s=4.0)
    assert mean.solutions == ()


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({"1": 2}, {1: 2}),
        ([{"1": 2}], [{1: 2}]),
        ([[1]], [[1]]),
        ({"a": 2}, {"a": 2}),
        ({"1": 2, "b": 3}, {"1": 2, "b": 3}),
    ],
)
def test_integer_keys_are_restored_also_inside_a_list(output: Any, expected: Any) -> None:
    tests = parse_tests(io(inputs=[[0]], outputs=[output]), "f")
    assert isinstance(tests, CallTests)
    assert tests.cases[0].expected == expected


def test_standard_input_may_be_a_list_of_lines_and_answers_plain_values() -> None:
    tests = parse_tests(io(inputs=[["2", "1 2"], "3"], outputs=[["a", True], 7]), "")
    assert tests == StdioTests((StdioTest("2\n1 2", "a\nTrue"), StdioTest("3", "7")), Comparison.APPS)


def test_integers_of_more_digits_than_python_converts_are_read() -> None:
    digits = "7" * 5_000
    row = {"problem_id": 1, "question": "q", "solutions": "", "starter_code": ""}
    problem = parse(
        Record(row | {"input_output": f'{{"fn_name": "f", "inputs": [[{digits}]], "outputs": [-{digits}]}}'})
    )
    assert isinstance(problem.tests, CallTests)
    number = sum(7 * 10**place for place in range(5_000))
    assert problem.tests.cases == (CallTest((number,), {}, -number),)


def test_appsplus_is_read_with_whatever_else_it_holds(fixtures: Path) -> None:
    upper, even = read(str(fixtures / "appsplus.jsonl"))
    assert (upper.id, upper.difficulty, upper.meta) == ("11", "introductory", {"scope": [[1, 1]]})
    assert upper.tests == StdioTests((StdioTest("abc\n", "ABC\n"),), Comparison.APPS)
    assert even.tests == called("even", CallTest((2,), {}, [True]), CallTest((3,), {}, [False]))
    assert even.canonical == "def even(n):\n    return n % 2 == 0\n"


@pytest.mark.parametrize(
    "spelling",
    [
        {"problem_id": 4, "problem_description": "s", "function_name": "f", "level": "competition"},
        {"id": "4", "prompt": "s", "entry_point": "f", "difficulty": "Competition"},
    ],
)
def test_appsplus_fields_go_by_several_names(spelling: dict[str, Any], tmp_path: Path) -> None:
    tests = {"inputs": [[1]], "outputs": [[2]]}
    path = tmp_path / "data.json"
    path.write_text(json.dumps([spelling | {"solutions": ["def f(x): return 2\n"]} | tests]))
    (problem,) = read(str(path))
    assert (problem.id, problem.statement, problem.difficulty, problem.source) == ("4", "s", "competition", "appsplus")
    assert problem.tests == called("f", CallTest((1,), {}, [2]))


def test_an_appsplus_record_without_a_solution_says_which_names_were_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps([{"id": 1, "question": "s", "inputs": ["a"], "outputs": ["a"]}]))
    with pytest.raises(InputError, match=r"canonical_solution: missing; also looked for: solution, solutions$"):
        list(read(str(path)))
