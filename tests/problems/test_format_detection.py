"""Formats are told apart by all their fields, and a field that may decide verdicts is never ignored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prlcoder.errors import InputError
from prlcoder.problems.formats import FORMATS
from prlcoder.problems.formats.judging_fields import may_judge
from prlcoder.problems.formats.registry import detect, nearest
from prlcoder.problems.reading import read

HUMANEVAL = ["task_id", "prompt", "canonical_solution", "test", "entry_point"]
MBPP = ["task_id", "text", "code", "test_list"]
APPS = ["problem_id", "question", "solutions", "input_output"]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        (HUMANEVAL, "humaneval"),
        ([*HUMANEVAL, "base_input", "plus_input", "atol"], "humanevalplus"),
        ([*HUMANEVAL, "test_case_list"], "humaneval-et"),
        ([*HUMANEVAL, "code_prompt", "libs"], "bigcodebench"),
        (["task_id", "complete_prompt", "canonical_solution", "test", "entry_point"], "bigcodebench"),
        (MBPP, "mbpp"),
        ([*MBPP, "test"], "mbppplus"),
        (["task_id", "prompt", "code", "test_imports", "test_list"], "mbpp-sanitized"),
        (["task_id", "prompt", "code", "test_imports", "test_list", "test"], "mbppplus"),
        (APPS, "apps"),
        ([*APPS, "time_limit", "skill_types"], "taco"),
        (["name", "description", "public_tests", "private_tests", "generated_tests"], "codecontests"),
        (["question_id", "question", "solution", "test"], "kodcode"),
        (["problem", "tests"], "verifiable"),
        (["prompt", "verification_info"], "verifiable"),
        (["prompt", "reward_model"], "verl"),
        (["id", "statement", "tests"], "prlcoder"),
    ],
)
def test_the_largest_signature_decides(fields: list[str], name: str) -> None:
    found = detect(fields, FORMATS.values())
    assert found is not None
    assert found.name == name


def test_a_record_of_no_format_has_a_nearest_one() -> None:
    assert detect(["question", "answer"], FORMATS.values()) is None
    assert nearest(["prompt", "answer"], FORMATS.values()) in (
        "the nearest format is verifiable, which also needs verification_info",
        "the nearest format is verl, which also needs reward_model",
    )


@pytest.mark.parametrize(
    "name",
    [
        "hidden_tests",
        "testCases",
        "rtol",
        "special_judge",
        "checkerSource",
        "expected_output",
        "plus_input",
        "contract",
    ],
)
def test_names_that_may_decide_verdicts(name: str) -> None:
    assert may_judge(name)


@pytest.mark.parametrize(
    "name", ["difficulty", "source", "url", "tags", "libs", "gpt_pass_percentage", "model", "date"]
)
def test_names_of_other_fields(name: str) -> None:
    assert not may_judge(name)


def write(path: Path, row: dict[str, Any]) -> str:
    path.write_text(json.dumps(row))
    return str(path)


@pytest.mark.parametrize("name", FORMATS)
def test_a_further_field_that_may_decide_verdicts_is_refused_in_every_format(
    name: str, fixtures: Path, tmp_path: Path
) -> None:
    row = json.loads((fixtures / f"{name}.jsonl").read_text().splitlines()[0])
    path = write(tmp_path / "p.jsonl", row | {"hidden_tests": ["assert False"]})
    with pytest.raises(InputError, match=r"p\.jsonl:1: hidden_tests: (may carry tests|unknown field)"):
        list(read(path))
    if name != "prlcoder":  # which refuses every unknown field
        assert len(list(read(write(tmp_path / "q.jsonl", row | {"hidden_tests": []})))) == 1


def test_the_message_names_the_format_that_reads_the_field(fixtures: Path, tmp_path: Path) -> None:
    row = json.loads((fixtures / "humaneval.jsonl").read_text().splitlines()[0])
    path = write(tmp_path / "p.jsonl", row | {"atol": 1e-6})
    with pytest.raises(InputError, match=r"the nearest format that does is humanevalplus, which also needs base_input"):
        list(read(path))


def test_fields_that_carry_no_tests_are_no_matter(fixtures: Path, tmp_path: Path) -> None:
    row = json.loads((fixtures / "mbpp.jsonl").read_text().splitlines()[0])
    path = write(tmp_path / "p.jsonl", row | {"notes": "mine", "model_family": "x"})
    assert [problem.source for problem in read(path)] == ["mbpp"]


def test_humaneval_test_code_must_define_check(fixtures: Path, tmp_path: Path) -> None:
    row = json.loads((fixtures / "humaneval.jsonl").read_text().splitlines()[0])
    test = "import unittest\n\nclass TestCases(unittest.TestCase):\n    pass\n"
    with pytest.raises(InputError, match=r"test: defines no function `check`; unittest code .* bigcodebench"):
        list(read(write(tmp_path / "p.jsonl", row | {"test": test})))


@pytest.mark.parametrize(
    ("name", "change", "field"),
    [
        ("apps", {"input_output": {"inputs": ["1"], "outputs": ["1"], "checker": "x"}}, "input_output.checker"),
        ("taco", {"input_output": {"inputs": ["1"], "outputs": ["1"], "rtol": 1}}, "input_output.rtol"),
        (
            "livecodebench",
            {"public_test_cases": [{"input": "1", "output": "1", "testtype": "stdin", "atol": 1}]},
            "atol",
        ),
        (
            "codecontests",
            {"public_tests": {"input": ["1"], "output": ["1"], "outputs_also_right": ["2"]}},
            "outputs_al",
        ),
        ("verl", {"extra_info": {"hidden_tests": ["x"]}}, "extra_info.hidden_tests"),
        ("verl", {"reward_model": {"ground_truth": "[]", "checker": "x"}}, "reward_model.checker"),
    ],
)
def test_a_field_inside_another_is_not_ignored_either(
    name: str, change: dict[str, Any], field: str, fixtures: Path, tmp_path: Path
) -> None:
    row = json.loads((fixtures / f"{name}.jsonl").read_text().splitlines()[0])
    with pytest.raises(InputError, match=f"{field}.*: may carry tests, tolerances or checkers, but is not read here"):
        list(read(write(tmp_path / "p.jsonl", row | change)))


def test_solutions_of_appsplus_may_be_a_list_as_text(tmp_path: Path) -> None:
    row = {"id": 1, "question": "q", "solutions": '["print(1)", "print(2 - 1)"]', "inputs": [""], "outputs": ["1"]}
    (problem,) = read(write(tmp_path / "p.jsonl", row))
    assert problem.solutions == ("print(1)", "print(2 - 1)")
