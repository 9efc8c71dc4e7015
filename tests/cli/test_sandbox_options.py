"""Options of the sandbox on the command line: limits per test, all tests, packages, checkers in files of our format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.packages import installed_packages

from prlcoder.cli.main import main

pytestmark = pytest.mark.needs_sandbox

SQUARES = {
    "kind": "stdio",
    "cases": [{"input": f"{n}\n", "output": f"{n * n}\n"} for n in range(4)],
}
RIGHT = "n = int(input())\nprint(n * n)\n"
HALF = "n = int(input())\nprint(n * n if n % 2 else -1)\n"


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def execute(folder: Path, tests: dict[str, Any], programs: list[str], *options: str) -> list[dict[str, Any]]:
    """The rows of ``prlcoder execute`` for programs of one problem."""
    problems = write(folder / "problems.jsonl", [{"id": "p", "statement": "Do it.", "tests": tests}])
    rows = write(folder / "programs.jsonl", [{"problem_id": "p", "program": program} for program in programs])
    out = folder / "out.jsonl"
    command = ["execute", "--problems", problems, "--programs", rows, "--out", str(out), "--workers", "1"]
    assert main([*command, *options]) == 0
    return [json.loads(line) for line in out.read_text().splitlines()]


def test_execute_runs_all_tests_and_reports_their_share(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = execute(tmp_path, SQUARES, [RIGHT, HALF], "--all-tests")
    assert (first["tests_passed"], second["tests_passed"], second["tests_total"]) == (4, 2, 4)
    assert "share of tests passed, mean over programs: 0.7500" in capsys.readouterr().err
    _, second = execute(tmp_path, SQUARES, [RIGHT, HALF])
    assert second["tests_passed"] == 0  # it fails the first test, and the others are not run


def test_evaluate_reports_the_share_of_tests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problems = write(tmp_path / "problems.jsonl", [{"id": "p", "statement": "Do it.", "tests": SQUARES}])
    rows = [{"task_id": "p", "program": program} for program in (RIGHT, HALF)]
    samples = write(tmp_path / "samples.jsonl", rows)
    out = tmp_path / "out.jsonl"
    command = ["evaluate", "--problems", problems, "--samples", samples, "--workers", "1"]
    assert main([*command, "--all-tests", "--json", "--out", str(out)]) == 0
    (figures,) = json.loads(capsys.readouterr().out)
    assert (figures["pass@1"], figures["share_of_tests"]) == (0.5, 0.75)
    assert [json.loads(line)["tests_passed"] for line in out.read_text().splitlines()] == [4, 2]
    assert main([*command, "--all-tests"]) == 0
    assert "share of tests" in capsys.readouterr().out
    assert main(command) == 0
    assert "share of tests" not in capsys.readouterr().out


def test_a_limit_per_test_lets_many_tests_take_their_time(tmp_path: Path) -> None:
    busy = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
    slow = f"{busy}{RIGHT}"
    (without,) = execute(tmp_path, SQUARES, [slow], "--cpu-limit", "0.8")
    # CPU time decides; a wall limit that follows from it would let the load of the machine decide.
    (within,) = execute(tmp_path, SQUARES, [slow], "--cpu-limit", "0.8", "--test-limit", "1", "--wall-limit", "60")
    (above,) = execute(tmp_path, SQUARES, [slow], "--test-limit", "0.1")
    assert [row["verdict"] for row in (without, within, above)] == ["timeout", "passed", "timeout"]


def test_a_checker_of_two_parameters_in_a_problem_file_decides(tmp_path: Path) -> None:
    checker = "def check(i, o):\n    return sorted(o.split()) == [str(n + 1) for n in range(int(i))]\n"
    tests = {"kind": "stdio", "checker": checker, "cases": [{"input": "2\n", "output": "1 2\n"}]}
    programs = ["n = int(input())\nprint(*range(n, 0, -1))\n", "print(1)\n"]
    assert [row["verdict"] for row in execute(tmp_path, tests, programs)] == ["passed", "wrong_answer"]


def test_packages_are_importable_where_given(tmp_path: Path) -> None:
    tests = {"kind": "stdio", "cases": [{"input": "", "output": "6\n"}]}
    program = "import numpy\nprint(int(numpy.ones(6).sum()))\n"
    (without,) = execute(tmp_path, tests, [program])
    assert (without["verdict"], without["reason"]) == ("runtime_error", "ModuleNotFoundError: numpy")
    packages = ["--packages", str(installed_packages())]
    (imported,) = execute(tmp_path, tests, [program], *packages)
    (preloaded,) = execute(tmp_path, tests, [program], *packages, "--preload", "numpy")
    assert [imported["verdict"], preloaded["verdict"]] == ["passed", "passed"]


def test_doctor_lists_what_a_jail_offers(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "--json"])
    checks = {one["check"]: one for one in json.loads(capsys.readouterr().out)}
    assert checks["packages"]["detail"].startswith("programs see the standard library of Python")
    main(["doctor", "--json", "--packages", str(installed_packages())])
    checks = {one["check"]: one for one in json.loads(capsys.readouterr().out)}
    assert checks["packages"]["state"] == "ok"
    assert checks["packages"]["detail"].startswith("numpy ")
    assert "sortedcontainers 2" in checks["packages"]["detail"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--test-limit", "-1"], "--test-limit: -1.0 is negative; give a number of seconds, or 0 for none"),
        (["--preload", "numpy"], "--preload: has no effect without --packages; give both"),
        (["--packages", "/nowhere"], "--packages: /nowhere is not a folder"),
    ],
)
@pytest.mark.parametrize("command", ["execute", "evaluate", "verify", "supervise"])
def test_bad_options_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, options: list[str], message: str
) -> None:
    problem = {"id": "p", "statement": "Do it.", "tests": SQUARES, "solutions": [RIGHT]}
    problems = write(tmp_path / "problems.jsonl", [problem])
    programs = write(tmp_path / "programs.jsonl", [{"problem_id": "p", "program": RIGHT}])
    commands = {
        "execute": ["execute", "--problems", problems, "--programs", programs],
        "evaluate": ["evaluate", "--problems", problems, "--samples", programs],
        "verify": ["problems", "verify", problems],
        "supervise": ["supervise", "--problems", problems, "--out", str(tmp_path / "out")],
    }
    assert main([*commands[command], *options]) == 2
    assert message in capsys.readouterr().err
