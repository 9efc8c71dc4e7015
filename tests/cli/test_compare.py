"""``prlcoder compare`` on run folders that the tests write: tables, JSON, the paired interval, and refusals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from prlcoder.cli.main import main
from prlcoder.evaluation.intervals import paired_difference

MANIFEST = """\
metadata: {name: made-here}
spec: {problems: {source: nano}}
"""


def score(passed: int, n: int) -> dict[str, Any]:
    return {"pass@1": passed / n, "n": n, "ci95": [0.0, 1.0]}


def run_folder(
    path: Path, greedy: Mapping[str, list[int]], *, samples: bool = True, auroc: float = 0.8, first_problem: int = 0
) -> Path:
    """A run folder whose policies passed (1) or failed (0) each problem greedily; the first half is easy."""
    policies = {}
    rows = []
    for policy, passed in greedy.items():
        half = len(passed) // 2
        levels = {"easy": score(sum(passed[:half]), half), "hard": score(sum(passed[half:]), len(passed) - half)}
        policies[policy] = {**score(sum(passed), len(passed)), "by_difficulty": levels}
        for number, one in enumerate(passed, start=first_problem):
            row = {"problem_id": f"p{number}", "policy": policy, "completion": "", "task_id": f"{policy}/{number}"}
            rows.append({**row, "verdict": "passed" if one else "wrong_answer", "sample": 0, "temperature": 0.0})
            rows.append({**row, "verdict": "passed", "sample": 1, "temperature": 0.8})  # must not be counted
    evaluation = path / "evaluation"
    evaluation.mkdir(parents=True)
    (path / "run.yaml").write_text(MANIFEST, encoding="utf-8")
    summary = {"policies": policies, "reward_model": {"steps": {"auroc": auroc}}, "timings_s": {"generate": 12.5}}
    (evaluation / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    if samples:
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (evaluation / "samples.jsonl").write_text(lines, encoding="utf-8")
    return path


BEFORE = [1, 0, 0, 0, 1, 0, 0, 0]
AFTER = [1, 1, 1, 0, 1, 1, 0, 0]


def compared(first: Path, second: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["compare", str(first), str(second), "--json"]) == 0
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_two_runs_on_the_same_problems_get_a_paired_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run_folder(tmp_path / "a", {"base": BEFORE, "policy": BEFORE})
    second = run_folder(tmp_path / "b", {"base": BEFORE, "policy": AFTER}, auroc=0.9)
    result = compared(first, second, capsys)
    assert result["runs"] == [str(first), str(second)]
    overall = {row["policy"]: row for row in result["policies"] if row["level"] is None}
    mean, low, high = paired_difference(AFTER, BEFORE)
    assert overall["policy"]["difference"] == pytest.approx(mean) == pytest.approx(3 / 8)
    assert overall["policy"]["ci95"] == pytest.approx([low, high])
    assert overall["base"]["difference"] == 0
    levels = {row["level"]: row for row in result["policies"] if row["policy"] == "policy"}
    assert (levels["easy"]["first"], levels["easy"]["second"], levels["easy"]["first_n"]) == (0.25, 0.75, 4)
    assert levels["hard"]["difference"] == 0.25
    assert result["reward_model"] == [{"name": "steps.auroc", "first": 0.8, "second": 0.9}]
    assert result["timings_s"] == [{"name": "generate", "first": 12.5, "second": 12.5}]


def test_the_table_reads_from_left_to_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = run_folder(tmp_path / "a", {"base": BEFORE})
    second = run_folder(tmp_path / "b", {"base": AFTER, "rft": AFTER})
    assert main(["compare", str(first), str(second)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    _, low, high = paired_difference(AFTER, BEFORE)
    assert ["base", "0.250", "8", "0.625", "8", "+0.375", f"[{low:+.3f},", f"{high:+.3f}]"] in lines
    assert ["hard", "0.250", "4", "0.500", "4", "+0.250"] in lines
    assert ["rft", "0.625", "8"] in lines
    assert ["rft:", "no", "interval:", "only", "one", "of", "the", "runs", "has", "this", "policy"] in lines
    assert ["steps.auroc", "0.800", "0.800", "+0.000"] in lines


def test_other_problems_are_compared_without_an_interval(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = run_folder(tmp_path / "a", {"base": BEFORE})
    second = run_folder(tmp_path / "b", {"base": AFTER}, first_problem=2)
    overall = compared(first, second, capsys)["policies"][0]
    assert overall["difference"] == pytest.approx(3 / 8)
    assert overall["ci95"] is None
    assert overall["unpaired"] == "different problems (8 and 8, 6 of them in both)"


def test_without_samples_there_is_no_interval(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = run_folder(tmp_path / "a", {"base": BEFORE})
    second = run_folder(tmp_path / "b", {"base": AFTER}, samples=False)
    overall = compared(first, second, capsys)["policies"][0]
    assert (overall["ci95"], overall["unpaired"]) == (None, "no greedy samples in evaluation/samples.jsonl")


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = run_folder(tmp_path / "a", {"base": BEFORE})
    for foreign in (tmp_path / "absent", tmp_path):
        assert main(["compare", str(first), str(foreign)]) == 2
        captured = capsys.readouterr()
        assert f"{foreign}: not a run folder" in captured.err
        assert captured.out == ""


def test_a_run_without_evaluation_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = run_folder(tmp_path / "a", {"base": BEFORE})
    (first / "evaluation" / "summary.json").unlink()
    assert main(["compare", str(first), str(first)]) == 2
    assert "summary.json: no such file; the run has not been evaluated yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "field"), [("{", "not JSON"), ('{"policies": {"base": {"n": 3}}}', "policies.base.pass@1")]
)
def test_a_damaged_summary_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, field: str) -> None:
    first = run_folder(tmp_path / "a", {"base": BEFORE})
    (first / "evaluation" / "summary.json").write_text(text, encoding="utf-8")
    assert main(["compare", str(first), str(first)]) == 2
    error = capsys.readouterr().err
    assert "summary.json" in error
    assert field in error
