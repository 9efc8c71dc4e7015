"""Real APPS problems: every verified and every published solution passes, no recorded wrong generation does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from prlcoder.executor import ExecutionRequest, Executor, ResourceLimits
from prlcoder.problems.reading import read

# Not the default limits: one of the 36 programs is quadratic and takes 10 s of CPU time over all its tests.
LIMITS = ResourceLimits(cpu_s=60, wall_s=300)


@pytest.fixture
def verified(shared_data: Path, tmp_path: Path) -> Path:
    """The programs that are known to pass, as overrides of the problems that they are for."""
    programs = json.loads((shared_data / "apps_selected150_verified_solutions.json").read_text())
    path = tmp_path / "overrides.jsonl"
    rows = ({"problem_id": id, "solution": entry["code"]} for id, entry in programs.items())
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.needs_sandbox
def test_the_36_verified_programs_pass(verified: Path, shared_data: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "prlcoder.cli",
        "problems",
        "verify",
        str(shared_data / "apps_selected150.jsonl.gz"),
        "--overrides",
        str(verified),
        "--skip-invalid",
        "--out",
        "v.jsonl",
        "--json",
        "--cpu-limit",
        str(LIMITS.cpu_s),
        "--wall-limit",
        str(LIMITS.wall_s),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=590)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["passed"], summary["solutions"]) == (36, 36)
    # the selection holds 22 problems twice
    assert (summary["read"], summary["quarantined"], summary["records"]) == (128, 22, 150)


@pytest.mark.needs_sandbox
def test_published_solutions_pass_and_recorded_wrong_generations_do_not(shared_data: Path) -> None:
    problems = list(read(str(shared_data / "apps_format")))
    published = [
        ExecutionRequest(solution, problem.tests, problem.preamble)
        for problem in problems
        for solution in problem.solutions
    ]
    recorded = []
    for problem in problems:
        generations = json.loads((shared_data / "apps_format" / problem.id / "gen_solutions.json").read_text())
        recorded += [(problem, each) for each in generations]
    programs = [ExecutionRequest(each["code"], problem.tests, problem.preamble) for problem, each in recorded]
    with Executor(workers=2, limits=ResourceLimits(cpu_s=5, wall_s=60)) as executor:  # some generations never end
        assert [result.passed for result in executor.run(published)] == [True] * 98
        results = list(executor.run(programs))
    disagreements = {
        (problem.id, each["error_type"], str(result.verdict))
        for (problem, each), result in zip(recorded, results, strict=True)
        if result.passed != (each["result"] is True)
    }
    assert disagreements == set()
