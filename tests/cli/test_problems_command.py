"""``prlcoder problems`` as a process: outputs, messages, exit codes, nothing half-written."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from prlcoder.problems.reading import read


def prlcoder(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command with ``problems`` and these words, run in ``cwd``."""
    command = [sys.executable, "-m", "prlcoder.cli", "problems", *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def fixtures() -> Path:
    """The folder of the fixture files, one per format."""
    return Path(__file__).resolve().parents[1] / "problems" / "fixtures"


@pytest.fixture
def broken(tmp_path: Path, fixtures: Path) -> Path:
    """Three good records, one without tests and one that is no JSON."""
    path = tmp_path / "broken.jsonl"
    lines = (fixtures / "mbpp.jsonl").read_text(encoding="utf-8").splitlines()
    lines[1:1] = [lines[0].replace('"test_list"', '"tests"'), '{"text": ']
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_inspect_shows_counts_sizes_and_one_problem(tmp_path: Path, fixtures: Path) -> None:
    done = prlcoder("inspect", fixtures / "leetcode.jsonl", cwd=tmp_path)
    assert done.returncode == 0
    table, example = done.stdout.split("\n\n", 1)
    assert table == (
        "problems         2\n"
        "format           leetcode 2\n"
        "difficulty       easy 1, medium 1\n"
        "published split  none 2\n"
        "tests            asserts 2; min 1, mean 1.5, median 1.5, max 2 per problem\n"
        "solutions        2\n"
        "solution lines   min 4, mean 5, median 5, max 6"
    )
    assert example.startswith("first problem: largest-item\n\n    Return the largest item of nums.\n")
    assert "\n    class Solution:\n        def largest(self, nums: List[int]) -> int:\n" in example


def test_inspect_as_json_has_the_same_figures(tmp_path: Path, fixtures: Path) -> None:
    summary = json.loads(prlcoder("inspect", fixtures / "prlcoder.jsonl", "--json", cwd=tmp_path).stdout)
    assert summary["difficulty"] == {"easy": 2, "unknown": 1}
    assert summary["test_kind"] == {"calls": 1, "stdio": 1, "asserts": 1}
    assert summary["tests_per_problem"] == {"min": 1, "mean": 1.67, "median": 2, "max": 2}
    assert summary["solutions"] == 4
    assert (summary["read"], summary["quarantined"], summary["records"]) == (3, 0, 3)
    assert summary["example"]["id"] == "own/calls"


@pytest.mark.parametrize("name", ["out.jsonl.gz", "out.parquet"])
def test_convert_writes_problems_that_read_the_same(name: str, tmp_path: Path, fixtures: Path) -> None:
    source = fixtures / "humaneval.jsonl"
    done = prlcoder("convert", source, "--out", name, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"2 problems written to {name}\n"
    assert list(read(str(tmp_path / name))) == list(read(str(source)))


def test_a_malformed_record_ends_the_command_with_its_place_and_writes_nothing(tmp_path: Path, broken: Path) -> None:
    done = prlcoder("convert", broken, "--format", "mbpp", "--out", "out.jsonl", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"prlcoder problems: {broken}:2: test_list: missing\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.jsonl"]


def test_skip_invalid_sets_records_aside_and_the_counts_add_up(tmp_path: Path, broken: Path) -> None:
    done = prlcoder("convert", broken, "--skip-invalid", "--out", "out.jsonl", "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"out": "out.jsonl", "read": 3, "quarantined": 2, "records": 5}
    assert done.stderr == "2 of 5 records set aside in broken.quarantine.jsonl\n"
    aside = rows(tmp_path / "broken.quarantine.jsonl")
    assert [(row["line"], row["field"], row["reason"]) for row in aside] == [
        (2, "test_list", "missing"),
        (3, None, "not JSON (Expecting value at column 10); each line must hold one JSON object"),
    ]
    assert [row["id"] for row in rows(tmp_path / "out.jsonl")] == ["2", "11", "511"]


def test_a_named_quarantine_file_is_written_even_if_empty(tmp_path: Path, fixtures: Path) -> None:
    source = fixtures / "mbpp.jsonl"
    assert prlcoder("inspect", source, "--skip-invalid", "--quarantine", "q.jsonl", cwd=tmp_path).returncode == 0
    assert (tmp_path / "q.jsonl").read_bytes() == b""
    assert prlcoder("inspect", source, "--skip-invalid", cwd=tmp_path).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["q.jsonl"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["inspect", "gone.jsonl"], "gone.jsonl: no such file; check the path"),
        (["inspect", "nano", "--format", "csv"], "format: 'csv' is not a format; choose one of auto, humaneval"),
        (["inspect", "nano", "--release", "v5"], "--release: Input should be 'release_v1', 'release_v2'"),
        (["inspect", "nano", "--since", "May"], "--since: Input should be a valid date"),
        (["inspect", "nano", "--since", "2025-01-02", "--until", "2025-01-01"], "--since: `since` (2025-01-02) comes"),
        (
            ["inspect", "nano", "--difficulty", "tricky"],
            "nano: select: none of the 750 problems is selected; they have",
        ),
        (["inspect", "nano", "--overrides", "gone.jsonl"], "gone.jsonl: no such file; check the path"),
        (["inspect", "nano", "--quarantine", "q.jsonl"], "--quarantine: has no effect without --skip-invalid"),
        (
            ["inspect", "gs://bucket/p.jsonl"],
            "gs://bucket/p.jsonl: gs:// needs a driver that is not installed (Please install gcsfs",
        ),
        (["convert", "nano", "--out", "out.csv"], "out.csv: the name does not say which format to write"),
    ],
)
def test_wrong_input_is_one_message_and_exit_code_2(words: list[str], message: str, tmp_path: Path) -> None:
    done = prlcoder(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"prlcoder problems: {message}")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_cannot_be_written_is_exit_code_1(tmp_path: Path, fixtures: Path) -> None:
    (tmp_path / "taken").write_text("")
    for name in ("taken/out.jsonl", "taken/out.parquet"):
        done = prlcoder("convert", fixtures / "mbpp.jsonl", "--out", name, cwd=tmp_path)
        assert done.returncode == 1
        assert done.stderr == f"prlcoder problems: {name}: cannot be written (File exists); nothing was left behind\n"


@pytest.mark.needs_sandbox
def test_verify_judges_every_solution_in_order(tmp_path: Path, fixtures: Path) -> None:
    path = tmp_path / "p.jsonl"
    shutil.copy(fixtures / "prlcoder.jsonl", path)
    wrong = rows(path)[0] | {"id": "own/wrong", "solutions": ["class Solution:\n    def join(self, r, sep=''): pass\n"]}
    with path.open("a", encoding="utf-8") as file:
        print(json.dumps(wrong), file=file)
    done = prlcoder("verify", path, "--workers", "1", cwd=tmp_path)
    assert done.returncode == 1
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    assert [list(row) for row in verdicts] == [["problem_id", "solution", "verdict", "reason"]] * 5
    assert [(row["problem_id"], row["solution"], row["verdict"]) for row in verdicts] == [
        ("own/calls", 0, "passed"),
        ("own/stdio", 0, "passed"),
        ("own/stdio", 1, "passed"),
        ("own/asserts", 0, "passed"),
        ("own/wrong", 0, "wrong_answer"),
    ]
    assert "own/wrong: wrong_answer" in done.stderr
    assert done.stderr.endswith("4/5 passed\n")


@pytest.mark.needs_sandbox
@pytest.mark.parametrize(("name", "style"), [("humaneval", "tab"), ("mbpp", "keep"), ("leetcode", "spaces4")])
def test_verify_passes_the_fixtures_in_every_style(name: str, style: str, tmp_path: Path, fixtures: Path) -> None:
    source = fixtures / f"{name}.jsonl"
    done = prlcoder("verify", source, "--normalize-indent", style, "--json", "--out", "v.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["passed"] == summary["solutions"] == len(rows(source))
    assert summary["verdicts"] == {"passed": len(rows(source))}
    assert [row["verdict"] for row in rows(tmp_path / "v.jsonl")] == ["passed"] * len(rows(source))


@pytest.mark.needs_sandbox
def test_verify_passes_all_164_of_humaneval(tmp_path: Path, shared_data: Path) -> None:
    done = prlcoder("verify", shared_data / "HumanEval.jsonl.gz", "--out", "v.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("164/164 passed\n")
    assert [row["problem_id"] for row in rows(tmp_path / "v.jsonl")] == [f"HumanEval/{i}" for i in range(164)]


@pytest.mark.needs_sandbox
def test_verify_without_any_solution_says_so(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    tests = {"kind": "stdio", "cases": [{"input": "", "output": ""}]}
    path.write_text(json.dumps({"id": "a", "statement": "s", "tests": tests}))
    done = prlcoder("verify", path, cwd=tmp_path)
    assert done.returncode == 2
    assert "solutions: no problem has a solution, so there is nothing to verify" in done.stderr
