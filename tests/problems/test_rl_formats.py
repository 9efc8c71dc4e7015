"""TACO, CodeContests, the verifiable problems and verl's rows are read with all their tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prlcoder.adapters.verl import ground_truth
from prlcoder.problems.formats import FORMATS
from prlcoder.problems.formats.record import FieldError, Record
from prlcoder.problems.model import AssertTests, CallTest, CallTests, Comparison, StdioTest, StdioTests
from prlcoder.problems.reading import read

ADD = "Solution().add if 'Solution' in globals() else add"
STDIO = StdioTests((StdioTest("1 2\n", "3\n"),), Comparison.APPS)


def test_taco_is_read_as_apps_with_an_id_of_its_content(fixtures: Path) -> None:
    stdio, calls = read(str(fixtures / "taco.jsonl"))
    pairs = (StdioTest("1 2\n", "3\n"), StdioTest("3 4\n", "7\n"))
    assert stdio.tests == StdioTests(pairs, Comparison.APPS, test_limit_s=4.0)
    assert calls.tests == CallTests(ADD, (CallTest((1, 2), {}, [3]),), Comparison.APPS, test_limit_s=4.0)
    assert stdio.id.startswith("taco/")
    assert stdio.id != calls.id
    assert (stdio.difficulty, stdio.source, stdio.meta["not_python"]) == ("easy", "taco", [1])
    assert stdio.meta["time_limit"] == "1 second"


def test_codecontests_has_three_sets_of_tests_and_solutions_in_several_languages(fixtures: Path) -> None:
    add, half = read(str(fixtures / "codecontests.jsonl"))
    pairs = (StdioTest("1 2\n", "3\n"), StdioTest("2 2\n", "4\n"), StdioTest("5 6\n", "11\n"))
    assert add.tests == StdioTests(pairs, Comparison.TOKENS)
    assert len(add.solutions) == 1
    assert half.tests == StdioTests((StdioTest("1\n", "0.5\n"),), Comparison.FLOATS)
    assert half.solutions == ("print(int(input()) / 2)\n",)


CONTEST = {
    "name": "n",
    "description": "d",
    "public_tests": {"input": ["1"], "output": ["1"]},
    "private_tests": None,
    "generated_tests": None,
}


def test_a_checker_decides_where_several_outputs_are_right() -> None:
    checker = "def check(input, output, expected):\n    return True\n"
    tests = FORMATS["codecontests"].parse(Record(CONTEST | {"checker": checker})).tests
    assert tests == StdioTests((StdioTest("1", "1"),), checker=checker)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"checker": '#include "testlib.h"'}, "checker: defines no function `check`"),
        ({"input_file": "in.txt"}, "input_file: the problem uses a named file"),
        ({"public_tests": {"input": ["1"], "output": []}}, "public_tests.output: 0 outputs for 1 inputs"),
        ({"public_tests": None}, "public_tests: is empty"),
    ],
)
def test_a_contest_that_cannot_be_judged_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(FieldError, match=f"^{message}"):
        FORMATS["codecontests"].parse(Record(CONTEST | change))


def test_verifiable_problems_come_in_several_shapes(fixtures: Path) -> None:
    deepcoder, functional, synthetic, open_r1, call = read(str(fixtures / "verifiable.jsonl"))
    assert [each.tests for each in (deepcoder, synthetic, open_r1)] == [STDIO] * 3
    assert functional.tests == CallTests(ADD, (CallTest((1, 2), {}, 3),), Comparison.APPS)
    assert call.tests == CallTests(ADD, (CallTest((1, 2), {}, [3]),), Comparison.APPS)
    assert synthetic.canonical == "a, b = map(int, input().split())\nprint(a + b)\n"
    assert (open_r1.id, call.id) == ("x1", "x2")
    assert deepcoder.id.startswith("verifiable/")


TESTS = [{"input": "1\n", "output": "1\n"}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tests": []}, "tests: is empty"),
        ({"tests": "soon"}, "tests: not JSON"),
        ({"tests": {"a": 1}}, "tests: a list of tests was expected, not an object"),
        ({"tests": [TESTS[0] | {"checker": "x"}]}, r"tests\[0\].checker: unknown field of a test"),
        ({"tests": [TESTS[0] | {"type": "interactive"}]}, r"tests\[0\].type: 'interactive' is not a kind of test"),
        ({"tests": [TESTS[0] | {"type": "function_call"}]}, r"tests\[0\].fn_name: missing; a call needs the name"),
        (
            {"tests": [TESTS[0] | {"type": "stdin"}, {"input": [], "output": 1, "fn_name": "f"}]},
            "tests: has tests of sev",
        ),
        ({"tests": {"inputs": ["a"], "outputs": ["b"], "rtol": 1}}, "tests.rtol: unknown field"),
    ],
)
def test_tests_that_cannot_be_read_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(FieldError, match=f"^{message}"):
        FORMATS["verifiable"].parse(Record({"problem": "p", "tests": TESTS} | change))


def test_programs_of_another_language_are_refused() -> None:
    info = {"language": "cpp", "test_cases": TESTS}
    with pytest.raises(FieldError, match=r"^verification_info.language: 'cpp'; only Python"):
        FORMATS["verifiable"].parse(Record({"prompt": "p", "verification_info": info}))


def test_verl_rows_hold_their_tests_in_several_forms(fixtures: Path) -> None:
    stdio, call, lines, listed, functional, pytest_code, asserts, own = read(str(fixtures / "verl.jsonl"))
    assert [each.tests for each in (stdio, listed)] == [STDIO] * 2
    assert call.tests == lines.tests == CallTests(ADD, (CallTest((1, 2), {}, 3),), Comparison.APPS)
    assert functional.tests == AssertTests("assert add(1, 2) == 3\n", ADD, check=False)
    assert isinstance(pytest_code.tests, AssertTests)
    assert pytest_code.tests.source == "def test_add():\n    assert add(1, 2) == 3\ntest_add()\n"
    assert asserts.tests == AssertTests("assert add(1, 2) == 3\n", "add", check=False)
    assert (own.id, own.tests) == ("own/add", StdioTests((StdioTest("1 2\n", "3\n"),)))
    assert [each.id for each in (stdio, lines, listed)] == ["own/train/0", "own/val/2", "own/test/3"]
    assert [each.split for each in (stdio, lines, listed)] == ["train", "validation", "test"]
    assert {each.statement for each in (stdio, call, lines, listed)} == {"Add."}


def test_verl_parquet_is_read_like_json(fixtures: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (fixtures / "verl.jsonl").read_text().splitlines()][:2]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "train.parquet")
    expected = list(read(str(fixtures / "verl.jsonl"), limit=2))
    assert list(read(str(tmp_path / "train.parquet"))) == expected


def test_the_ground_truth_of_the_adapter_is_read_back(fixtures: Path) -> None:
    (problem, *_) = read(str(fixtures / "humaneval.jsonl"))
    row = {"prompt": [{"role": "user", "content": "x"}], "reward_model": {"ground_truth": ground_truth(problem)}}
    assert FORMATS["verl"].parse(Record(row)).tests == problem.tests


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        ("42", r"reward_model.ground_truth: a list of tests was expected, not an integer"),
        ("The answer is 42", r"reward_model.ground_truth: not JSON"),
        ('{"answer": 1}', r"reward_model.ground_truth: the tests cannot be told from answer"),
        ('{"inputs": ["a"], "outputs": ["b"], "checker": "x"}', r"reward_model.ground_truth.checker: unknown field"),
        ('{"functional": "assert f(1)", "inputs": []}', r"reward_model.ground_truth.inputs: unknown field"),
    ],
)
def test_a_ground_truth_that_is_no_test_is_named(truth: str, message: str) -> None:
    row = {"prompt": [{"role": "user", "content": "x"}], "reward_model": {"ground_truth": truth}}
    with pytest.raises(FieldError, match=f"^{message}"):
        FORMATS["verl"].parse(Record(row))
