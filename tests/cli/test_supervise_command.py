"""``prlcoder supervise`` answers invalid input with one message and the right exit code, and leaves nothing behind."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from prlcoder.supervision import store

pytestmark = pytest.mark.needs_sandbox


def supervise(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "prlcoder.cli", "supervise", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "contains no records"),
        (b"\x7fELF\x00\xff\xfe\x80", "UTF-8"),
        (b'{"task_id": "a"', "not JSON"),
        (b"[1, 2]", "object"),
        (b'{"unheard": 1}', "format"),
        (gzip.compress(b'{"task_id": "HumanEval/0", "prompt": "x"}', mtime=0)[:-9], ""),
    ],
    ids=["empty", "binary", "cut off", "no object", "unknown format", "truncated gzip"],
)
def test_a_bad_problem_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    name = "problems.jsonl.gz" if content[:2] == b"\x1f\x8b" else "problems.jsonl"
    path = write(tmp_path / name, content)
    done = supervise("--problems", path, "--out", tmp_path / "out")
    assert done.returncode == 2, done.stderr
    assert name in done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_missing_problem_file_is_named(tmp_path: Path) -> None:
    done = supervise("--problems", tmp_path / "none.jsonl", "--out", tmp_path / "out")
    assert (done.returncode, "none.jsonl: no such file" in done.stderr) == (2, True)


def test_an_output_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    blocked = write(tmp_path / "file", b"x") / "out"
    done = supervise("--problems", "nano", "--limit", "1", "--out", blocked)
    assert done.returncode == 1
    assert str(blocked) in done.stderr
    assert "Traceback" not in done.stderr


def test_it_prints_a_summary_and_says_when_there_is_nothing_to_do(tmp_path: Path) -> None:
    arguments = ("--problems", "nano", "--limit", "2", "--segmentation", "line", "--out", tmp_path / "out")
    first = supervise(*arguments)
    assert first.returncode == 0, first.stderr
    assert "2 problems" in first.stdout
    assert "content hash" in first.stdout
    second = supervise(*arguments, "--json")
    assert "nothing to do" in second.stderr
    assert json.loads(second.stdout)["content_hash"] in first.stdout
    other = supervise(*arguments, "--seed", "1")
    assert other.returncode == 2
    assert "seed: was 0, now 1" in other.stderr


SOLUTION = "def f(x):\n    y = x + 1\n    return y\n"


def record(id: str, difficulty: str, solution: str = SOLUTION) -> dict[str, object]:
    cases = [{"input": str(number), "output": str(number + 1)} for number in range(3)]
    tests = {"kind": "calls", "entry_point": "f", "comparison": "value", "cases": cases}
    return {"id": id, "statement": "Add one.", "tests": tests, "solutions": [solution], "difficulty": difficulty}


def test_it_chooses_problems_and_replaces_solutions_as_the_problems_command_does(tmp_path: Path) -> None:
    rows = [record("a", "easy"), record("b", "hard", "def f(x):\n    return 0\n"), record("c", "hard")]
    path = write(tmp_path / "problems.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows).encode())
    better = write(tmp_path / "better.jsonl", json.dumps({"problem_id": "b", "solution": SOLUTION}).encode())
    options = ("--problems", path, "--difficulty", "hard", "--overrides", better, "--normalize-indent", "tab")
    done = supervise(*options, "--out", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)["counts"]
    assert (counts["problems"], counts["quarantined"]) == (2, 0)
    steps = list(store.read_rows(tmp_path / "out", "steps", ["problem_id", "segment", "origin"]))
    assert {step["problem_id"] for step in steps} == {"b", "c"}
    assert all("\t" in step["segment"] for step in steps if step["origin"] == "canonical")


def test_a_choice_that_cannot_be_is_named(tmp_path: Path) -> None:
    done = supervise("--problems", "nano", "--since", "yesterday", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "--since" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_environment_says_where_the_services_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRLCODER_EXECUTOR", "localhost:1")
    done = supervise("--problems", "nano", "--limit", "1", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "localhost:1" in done.stderr
    assert "Traceback" not in done.stderr
