"""Which problems a benchmark has: formats forced, selections kept, MBPP's test problems only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from prlcoder.errors import InputError, WorkError
from prlcoder.evaluation.problem_sets import benchmark_problems
from prlcoder.problems.formats import FORMATS
from prlcoder.problems.model import CallTests, Problem
from prlcoder.spec import Benchmark, Spec
from prlcoder.spec.evaluation import BenchmarkSource
from prlcoder.stages.context import StageContext

SPEC = Spec.model_validate({"model": {"path": "m"}, "problems": {"source": "nano"}})


def problems(folder: Path, **plan: Any) -> tuple[Problem, ...]:
    context = StageContext(SPEC, folder, folder, {}, (), (), ())
    return benchmark_problems(Benchmark.model_validate(plan), context)


def write(path: Path, *rows: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def contest(id: str, day: str, difficulty: str) -> dict[str, Any]:
    test = [{"input": "", "output": "1", "testtype": "stdin"}]
    return {
        "question_title": id,
        "question_content": id,
        "platform": "atcoder",
        "question_id": id,
        "contest_id": "c",
        "contest_date": f"{day}T00:00:00",
        "starter_code": "",
        "difficulty": difficulty,
        "metadata": "{}",
        "public_test_cases": json.dumps(test),
        "private_test_cases": "[]",
    }


def test_livecodebench_by_release_difficulty_and_day(tmp_path: Path) -> None:
    write(tmp_path / "test.jsonl", contest("a", "2024-05-01", "easy"), contest("b", "2024-06-01", "hard"))
    write(tmp_path / "test2.jsonl", contest("c", "2024-07-01", "easy"), contest("d", "2024-08-01", "easy"))

    def ids(**select: Any) -> list[str]:
        found = problems(tmp_path, source="livecodebench", path=str(tmp_path), select=select)
        return [problem.id for problem in found]

    assert ids() == ["a", "b", "c", "d"]
    assert ids(release="release_v1") == ["a", "b"]
    assert ids(since="2024-06-01", until="2024-07-31") == ["b", "c"]
    assert ids(difficulty=["easy"], since="2024-06-01") == ["c", "d"]


def test_appsplus_by_level(tmp_path: Path) -> None:
    row = {"question": "Add one.", "canonical_solution": "print(int(input()) + 1)\n", "inputs": ["1"], "outputs": ["2"]}
    levels = {"1": "Introductory", "2": "Competition"}
    path = write(tmp_path / "p.jsonl", *({**row, "name": id, "difficulty": level} for id, level in levels.items()))
    assert [one.id for one in problems(tmp_path, source="appsplus", path=path)] == ["1", "2"]
    chosen = problems(tmp_path, source="appsplus", path=path, select={"difficulty": ["competition"]})
    assert [one.id for one in chosen] == ["2"]


def test_a_limit_takes_the_first_problems(tmp_path: Path) -> None:
    path = write(tmp_path / "test.jsonl", *(contest(id, "2024-05-01", "easy") for id in "abc"))

    def ids(**plan: Any) -> list[str]:
        return [problem.id for problem in problems(tmp_path, source="livecodebench", path=path, **plan)]

    assert ids(limit=2) == ["a", "b"]
    assert ids(limit=9) == ids() == ["a", "b", "c"]


def test_a_limit_applies_to_the_run_s_own_problems(tmp_path: Path) -> None:
    own = tuple(Problem(id=id, statement=id, tests=CallTests("f", ())) for id in "abc")
    context = StageContext(SPEC, tmp_path, tmp_path, {}, (), own[1:], own)
    for source, expected in (("held-out", "ab"), ("validation", "bc")):
        plan = Benchmark.model_validate({"source": source, "limit": 2})
        assert "".join(one.id for one in benchmark_problems(plan, context)) == expected


def test_of_mbpp_the_test_problems_only(tmp_path: Path) -> None:
    row = {"text": "Add one.", "code": "def f(x):\n    return x + 1\n", "test_list": ["assert f(1) == 2"]}
    path = write(tmp_path / "mbpp.jsonl", *({"task_id": number, **row} for number in (10, 11, 510, 511)))
    assert [one.id for one in problems(tmp_path, source="mbpp", path=path)] == ["11", "510"]
    path = write(tmp_path / "mbpp.jsonl", {"task_id": 600, **row})
    with pytest.raises(InputError, match="contains none of its problems; is it the right file"):
        problems(tmp_path, source="mbpp", path=path)


def test_the_published_sets_have_their_published_sizes(tmp_path: Path, shared_data: Path) -> None:
    for source, file, size in (("humaneval", "HumanEval.jsonl.gz", 164), ("mbpp", "mbpp.jsonl.gz", 500)):
        assert len(problems(tmp_path, source=source, path=str(shared_data / file))) == size
    with pytest.raises(InputError, match="task_id"):  # the format is forced
        problems(tmp_path, source="mbpp", path=str(shared_data / "HumanEval.jsonl.gz"))


def test_an_empty_split_is_said(tmp_path: Path) -> None:
    with pytest.raises(WorkError, match="benchmark held-out: the split has no such problems"):
        problems(tmp_path)


def test_every_published_format_is_a_benchmark() -> None:
    assert set(get_args(BenchmarkSource)) == {"held-out", "validation", *FORMATS}


def test_an_evalplus_benchmark_is_read_with_its_expected_results_to_come(fixtures: Path, tmp_path: Path) -> None:
    path = str(fixtures / "humanevalplus.jsonl")
    (first, *_) = problems(tmp_path, source="humanevalplus", path=path)
    assert first.split == "test"
