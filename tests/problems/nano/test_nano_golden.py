"""Any change of the family shows here. After a wanted one: ``python tests/problems/nano/test_nano_golden.py``."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from prlcoder.problems.model import CallTests, Problem
from prlcoder.problems.nano.stream import stream
from prlcoder.problems.nano.suite import problems
from prlcoder.spec import NanoSuite

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).with_name("golden_suite.json")


def described(problem: Problem, tests: int) -> dict[str, Any]:
    assert isinstance(problem.tests, CallTests)
    return {
        "id": problem.id,
        "difficulty": problem.difficulty,
        "statement": problem.statement,
        "solution": problem.canonical,
        "tests": [[case.args[0], case.expected] for case in problem.tests.cases[:tests]],
    }


def digest(rows: Any) -> str:
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def family() -> dict[str, Any]:
    """The first three problems of each split with two tests each, and digests of the default suite and a stream."""
    suite = list(problems(NanoSuite()))
    programs = [[p.statement, p.program, p.buggy] for p in stream(2000, seed=0, exclude=suite)]
    return {
        "suite_sha256": digest([described(p, 20) for p in suite]),
        "stream_sha256": digest(programs),
        "problems": [described(p, 2) for start in (0, 300, 450) for p in suite[start : start + 3]],
    }


def test_the_family_is_the_one_that_was_measured() -> None:
    assert family() == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_it_is_the_same_in_a_process_that_hashes_differently() -> None:
    program = "from tests.problems.nano import test_nano_golden as golden; print(golden.digest(golden.family()))"
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == digest(json.loads(GOLDEN.read_text(encoding="utf-8")))


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(family(), indent=1) + "\n", encoding="utf-8")
