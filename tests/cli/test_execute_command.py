"""``prlcoder execute`` and ``doctor`` as commands: results in order, bad input named, nothing half-written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from prlcoder.cli.main import main

pytestmark = pytest.mark.needs_sandbox

PROBLEM = {
    "task_id": "p/1",
    "prompt": "def f(n):\n",
    "canonical_solution": "    return n + 1\n",
    "entry_point": "f",
    "test": "def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(2) == 3\n",
}
FIELDS = [
    "index",
    "problem_id",
    "verdict",
    "reason",
    "tests_passed",
    "tests_total",
    "wall_s",
    "cpu_s",
    "memory_mib",
    "profile",
]


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    path = tmp_path / "problems.jsonl"
    path.write_text(json.dumps(PROBLEM) + "\n")
    return path


def execute(problems: Path, rows: list[Any], *options: str) -> tuple[int, Path]:
    """Run the command on ``rows`` (text lines unchanged); returns its exit code and the path of its results."""
    programs, out = problems.with_name("programs.jsonl"), problems.with_name("results.jsonl")
    programs.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    arguments = ["--problems", str(problems), "--format", "humaneval", "--programs", str(programs), "--out", str(out)]
    return main(["execute", *arguments, "--workers", "1", *options]), out


def test_results_are_rows_in_input_order(problems: Path) -> None:
    rows = [
        {"problem_id": "p/1", "completion": "    return n + 1\n"},
        {"problem_id": "p/1", "program": "def f(n): return 2\n"},
        {"problem_id": "p/1", "program": "def f(n) return 2\n"},
    ]
    code, out = execute(problems, rows)
    results = [json.loads(line) for line in out.read_text().splitlines()]
    assert code == 0
    assert all(list(result) == FIELDS for result in results)
    assert [
        (result["index"], result["verdict"], result["reason"], result["tests_passed"], result["tests_total"])
        for result in results
    ] == [(0, "passed", "", 2, 2), (1, "wrong_answer", "", 1, 2), (2, "compile_error", "SyntaxError", 0, 2)]


GOOD = {"problem_id": "p/1", "completion": "    return n\n"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [GOOD, {"problem_id": "p/2", "program": ""}],
            ":2: problem_id: no problem is called 'p/2'; did you mean 'p/1'?",
        ),
        ([GOOD, {"program": ""}], ":2: problem_id: a string is missing"),
        ([{"problem_id": "p/1"}], ":1: program, completion: neither is given"),
        ([{"problem_id": "p/1", "program": "", "completion": ""}], ":1: program, completion: both are given"),
        ([{"problem_id": "p/1", "program": 3}], ":1: program: a string was expected, not int"),
        ([GOOD, "{"], ":2: not JSON"),
        ([], "programs.jsonl: holds no program"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_written(
    problems: Path, rows: list[Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = execute(problems, rows)
    assert code == 2
    assert message in capsys.readouterr().err
    assert not out.exists()
    assert sorted(path.name for path in out.parent.iterdir()) == ["problems.jsonl", "programs.jsonl"]


@pytest.mark.parametrize("option", ["--workers", "--wall-limit", "--cpu-limit", "--memory-limit"])
def test_limits_must_be_positive(problems: Path, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(problems, [GOOD], option, "0")[0] == 2
    assert f"{option}: 0" in capsys.readouterr().err


def test_an_output_folder_that_cannot_be_written(problems: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (problems.parent / "results.jsonl").mkdir()
    code, _ = execute(problems, [GOOD])
    assert code == 1
    assert "results.jsonl: cannot be written" in capsys.readouterr().err


def test_the_doctor_starts_a_jail(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    findings = {finding["check"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert findings["sandbox"]["state"] == "ok"
    assert set(findings) == {"python", "sandbox", "packages", "cores", "memory", "disk", "training", "gpu"}


def test_the_doctor_tries_every_layer_of_the_sandbox(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--sandbox", "--json"]) == 0
    findings = {finding["check"]: finding["state"] for finding in json.loads(capsys.readouterr().out)}
    assert findings.pop("control group") in ("ok", "missing")
    assert set(findings.values()) == {"ok"}
    assert len(findings) == 20


def test_the_doctor_says_what_the_degraded_profile_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--sandbox", "--profile", "degraded", "--json"]) == 0  # it promises no more
    findings = {finding["check"]: finding["state"] for finding in json.loads(capsys.readouterr().out)}
    missing = {"PID namespace", "mount namespace", "network namespace", "own process tree", "host files"}
    assert all(findings[name] == "missing" for name in missing)
    kept = {"network", "system call filter", "memory", "CPU time", "wall time", "other processes", "clean scratch"}
    assert all(findings[name] == "ok" for name in kept)


def test_the_command_line_does_not_import_what_is_heavy() -> None:
    script = (
        "import sys; from prlcoder.cli import execute, doctor; import prlcoder.executor;"
        " print([name for name in ('torch', 'transformers', 'numpy', 'pyarrow', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
