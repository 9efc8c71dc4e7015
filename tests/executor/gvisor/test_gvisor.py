"""The profile ``gvisor`` where it is meant to run: under gVisor's kernel, in a container as restricted as a pod.

The tests of ``tests/executor/sandbox`` run in there as they are, except those marked ``namespaces_profile``, which
state facts of that profile.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.executor.gvisor.container import ROOT, run
from tests.fixtures.packages import installed_packages

from agreement import mutants
from prlcoder.executor.conformance import NAMESPACES
from prlcoder.problems.reading import read

pytestmark = pytest.mark.needs_sandbox

TIMEOUT_S = 400.0
FILES = (
    "attacks",
    "test_executor.py",
    "test_profiles.py",
    "test_lost_jails.py",
    "test_packages.py",
    "test_like_python.py",
    "test_judging_options.py",
)
SUPERVISORS = "not many_preambles and not bounded_number and not no_namespace_per_program"  # slow, and of no kernel


def test_the_doctor_finds_every_layer_that_the_profile_promises() -> None:
    done = run([sys.executable, "-m", "prlcoder.cli", "doctor", "--sandbox", "--json"], timeout_s=TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    states = {finding["check"]: finding["state"] for finding in json.loads(done.stdout)}
    assert {name for name, state in states.items() if state != "ok"} == {"own process tree", "control group"}
    assert {f"{what} namespace" for what in NAMESPACES.values()} <= states.keys()


@pytest.mark.timeout(450)
def test_the_sandbox_tests_pass_there() -> None:
    installed_packages()  # the container has no network to install them
    files = [str(ROOT / "tests" / "executor" / "sandbox" / name) for name in FILES]
    pytest_there = [sys.executable, "-m", "pytest", "--rootdir", str(ROOT), "-p", "no:cacheprovider", "-q"]
    done = run([*pytest_there, "-m", "not namespaces_profile", "-k", SUPERVISORS, *files], timeout_s=TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr


def test_programs_get_the_verdicts_that_they_get_in_namespaces(tmp_path: Path) -> None:
    problems = list(read("nano"))[::60]
    rows = [{"problem_id": problem.id, "program": problem.canonical} for problem in problems]
    rows += [{"problem_id": mutant.problem.id, "program": mutant.program} for mutant in mutants(problems, 25)]
    tmp_path.chmod(0o755)  # the container's user is another one
    programs = tmp_path / "programs.jsonl"
    programs.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [sys.executable, "-m", "prlcoder.cli", "execute", "--problems", "nano", "--programs", str(programs)]
    command += ["--cpu-limit", "2", "--wall-limit", "60"]
    here = subprocess.run(command, capture_output=True, text=True, check=False)
    there = run(command, read=[tmp_path], timeout_s=TIMEOUT_S)
    assert (here.returncode, there.returncode) == (0, 0), here.stderr + there.stderr
    assert verdicts(there.stdout, "gvisor") == verdicts(here.stdout, "namespaces")


def verdicts(results: str, profile: str) -> list[tuple[str, str, int]]:
    """Of each row; all must be of that profile."""
    rows = [json.loads(line) for line in results.splitlines()]
    assert {row["profile"] for row in rows} == {profile}
    return [(row["verdict"], row["reason"], row["tests_passed"]) for row in rows]
