"""Test code sees of a program what plain Python would show it, but no object of the program's decides an assertion."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.executor.sandbox.cases import OWN_OBJECT, PLAIN
from tests.executor.sandbox.cases.case import ObjectCase

from prlcoder.executor import ExecutionRequest, ExecutionResult, Executor, Verdict
from prlcoder.problems.model import AssertTests

pytestmark = pytest.mark.needs_sandbox

# Executes program and tests in one namespace, that of the module ``solution``, in a fork per case.
PLAIN_PYTHON = """
import json, os, sys, tempfile, types
passed = []
for number, source in enumerate(json.load(sys.stdin)):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.chdir(tempfile.mkdtemp(dir=sys.argv[1]))
            sys.stdin, sys.stdout = open(os.devnull), open(os.devnull, "w")
            module = types.ModuleType("solution")
            sys.modules["solution"] = sys.modules["__main__"] = module
            exec(compile(source, "<case>", "exec"), module.__dict__)
            status = 0
        finally:
            os._exit(status)
    passed.append(os.waitpid(pid, 0)[1] == 0)
print(json.dumps(passed))
"""


@pytest.fixture(scope="module")
def passes_in_plain_python(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    """Of each case, by its name."""
    sources = [f"{case.program}\n{case.tests}" for case in PLAIN]
    folder: Path = tmp_path_factory.mktemp("plain")
    done = subprocess.run(
        [sys.executable, "-I", "-c", PLAIN_PYTHON, str(folder)],
        input=json.dumps(sources),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip([case.name for case in PLAIN], json.loads(done.stdout), strict=True))


def run(executor: Executor, case: ObjectCase) -> ExecutionResult:
    """The case in the sandbox. The entry point is ``f``, or else the first function or class."""
    names = re.findall(r"^(?:async )?(?:def|class) (\w+)", case.program, re.MULTILINE)
    entry_point = "f" if "f" in names else names[0]
    return executor.execute(ExecutionRequest(case.program, AssertTests(case.tests, entry_point, check=False)))


def test_each_case_has_a_name_of_its_own() -> None:
    names = [case.name for case in (*PLAIN, *OWN_OBJECT)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("case", PLAIN, ids=[case.name for case in PLAIN])
def test_tests_see_what_plain_python_shows(
    executor: Executor, case: ObjectCase, passes_in_plain_python: dict[str, bool]
) -> None:
    result = run(executor, case)
    assert result.passed is passes_in_plain_python[case.name], result
    assert result.reason != "own_object"


@pytest.mark.parametrize("case", OWN_OBJECT, ids=[case.name for case in OWN_OBJECT])
def test_an_object_of_the_program_decides_nothing(executor: Executor, case: ObjectCase) -> None:
    result = run(executor, case)
    assert (result.verdict, result.reason) == (Verdict.WRONG_ANSWER, "own_object")
