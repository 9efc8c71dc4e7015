"""Tests that are at fault stop ``execute`` and ``evaluate``, and are set aside by ``verify`` and ``supervise``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prlcoder.cli.main import main

pytestmark = pytest.mark.needs_sandbox

LOOP = "    for x, y in [(1, 2), (2, 3)]:\n        assert candidate(x) == y\n"
CHECK = f"def check(candidate):\n{LOOP}"
NEEDS_PACKAGE = f"import no_such_package\n{CHECK}"
RAISES = "def check(candidate):\n    for x in [1]:\n        assert candidate(x) + undefined(x) == 2\n"


def write(path: Path, rows: list[dict[str, object]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def problem(number: int, test: str, solution: str = "    return n + 1\n") -> dict[str, object]:
    return {
        "task_id": f"p/{number}",
        "prompt": "def f(n):\n",
        "canonical_solution": solution,
        "entry_point": "f",
        "test": test,
    }


def samples(path: Path, *completions: tuple[int, str]) -> str:
    return write(path, [{"task_id": f"p/{number}", "completion": text} for number, text in completions])


@pytest.mark.parametrize("command", ["execute", "evaluate"])
@pytest.mark.parametrize(
    ("test", "message"),
    [
        (NEEDS_PACKAGE, "p/1: tests: line 1: ModuleNotFoundError: No module named 'no_such_package'; install the"),
        ("import 1\n", "problems.jsonl:1: test: is not Python"),
        (
            "def check(candidate):\n    for x in []:\n        candidate(x)\n",
            "p/1: tests: they never call the candidate",
        ),
        (RAISES, "p/1: tests: line 3: NameError: a name that the program does not define; mend the tests"),
    ],
)
def test_the_command_stops_and_names_the_problem_and_the_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, test: str, message: str
) -> None:
    problems = write(tmp_path / "problems.jsonl", [problem(1, test)])
    rows = samples(tmp_path / "samples.jsonl", (1, "    return n + 1\n"), (1, "    return 0\n"))
    out = tmp_path / "out.jsonl"
    given = "--programs" if command == "execute" else "--samples"
    assert main([command, "--problems", problems, given, rows, "--out", str(out), "--workers", "1"]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "0.0000" not in captured.out
    assert not out.exists()


def test_a_benchmark_whose_canonical_solutions_all_fail_is_no_table_of_zeros(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [problem(number, CHECK, "    return 7\n") for number in (1, 2)]
    problems = write(tmp_path / "problems.jsonl", rows)
    given = samples(tmp_path / "samples.jsonl", (1, "    return 8\n"), (2, "    return 9\n"))
    assert main(["evaluate", "--problems", problems, "--samples", given, "--workers", "1"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "p/1: tests: no program passes, and no canonical solution of 2 does" in captured.err


def test_programs_that_all_fail_on_sound_tests_are_a_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problems = write(tmp_path / "problems.jsonl", [problem(1, CHECK), problem(2, RAISES)])
    given = samples(tmp_path / "samples.jsonl", (1, "    return 8\n"))
    assert main(["evaluate", "--problems", problems, "--samples", given, "--workers", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["pass@1"] == 0.0


def test_verify_reports_faulty_tests_and_missing_packages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needs = "    import no_such_package.part\n    return n + 1\n"
    rows = [problem(1, CHECK), problem(2, NEEDS_PACKAGE), problem(3, RAISES), problem(4, CHECK, needs)]
    problems = write(tmp_path / "problems.jsonl", rows)
    assert main(["problems", "verify", problems, "--workers", "1", "--out", str(tmp_path / "out.jsonl")]) == 1
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["verdict"] for row in found] == ["passed", None, None, "runtime_error"]
    assert found[1]["reason"] == "test_error: line 1: ModuleNotFoundError: No module named 'no_such_package'"
    assert found[2]["reason"] == "test_error: line 3: NameError: a name that the program does not define"
    assert found[3]["reason"] == "ModuleNotFoundError: no_such_package"
    assert "packages that solutions need and the sandbox lacks: no_such_package (1)" in capsys.readouterr().err


def test_supervise_quarantines_problems_with_faulty_tests(tmp_path: Path) -> None:
    needs = "    import no_such_package\n    return n + 1\n"
    rows = [problem(1, CHECK), problem(2, NEEDS_PACKAGE), problem(3, RAISES), problem(4, CHECK, needs)]
    problems = write(tmp_path / "problems.jsonl", rows)
    out = tmp_path / "supervision"
    options = ["--teacher", "rules", "--labels", "paper", "--workers", "1", "--out", str(out)]
    assert main(["supervise", "--problems", problems, *options]) == 0
    quarantine = [json.loads(line) for line in (out / "quarantine.jsonl").read_text().splitlines()]
    reasons = {row["problem_id"]: (row["reason"], row["detail"]) for row in quarantine if row["problem_id"] != "p/1"}
    assert reasons == {
        "p/2": ("test_error", "line 1: ModuleNotFoundError: No module named 'no_such_package'"),
        "p/3": ("test_error", "line 3: NameError: a name that the program does not define"),
        "p/4": ("missing_package", "no_such_package"),
    }
