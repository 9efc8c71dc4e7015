"""Tests with an oracle are judged against the results of the oracle, which runs once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prlcoder.executor import ExecutionRequest, Executor
from prlcoder.executor.expected_outputs import cache_folder
from prlcoder.problems.model import CallTest, CallTests, Comparison

pytestmark = pytest.mark.needs_sandbox

ORACLE = "def double(x):\n    return 2 * x\n"
CASES = (CallTest((1,), {}, None), CallTest(("ab",), {}, None), CallTest(([0.5],), {}, None))


def oracle_tests(oracle: str = ORACLE) -> CallTests:
    return CallTests("double", CASES, Comparison.EVALPLUS, oracle=oracle)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return cache_folder()


def test_programs_are_judged_by_the_results_of_the_oracle(cache: Path) -> None:
    tests = oracle_tests()
    programs = [
        ORACLE,
        "def double(x):\n    return x + x\n",
        "def double(x):\n    return 2\n",
        "def double(x):\n    return None\n",
    ]
    with Executor(workers=1) as executor:
        results = list(executor.run(ExecutionRequest(program, tests, all_tests=True) for program in programs))
    assert [result.verdict for result in results] == ["passed", "passed", "wrong_answer", "wrong_answer"]
    assert [result.tests_passed for result in results] == [3, 3, 1, 0]
    (stored,) = cache.iterdir()
    assert json.loads(stored.read_text()) == ["2", "'abab'", "[0.5, 0.5]"]


def test_results_in_the_cache_are_used(cache: Path) -> None:
    with Executor(workers=1) as executor:
        assert executor.execute(ExecutionRequest(ORACLE, oracle_tests())).passed
    (stored,) = cache.iterdir()
    stored.write_text(json.dumps(["3", "'abab'", "[0.5, 0.5]"]))
    with Executor(workers=1) as executor:
        assert executor.execute(ExecutionRequest(ORACLE, oracle_tests())).verdict == "wrong_answer"
    stored.write_text("damaged")
    with Executor(workers=1) as executor:
        assert executor.execute(ExecutionRequest(ORACLE, oracle_tests())).passed


@pytest.mark.parametrize(
    ("oracle", "reason"),
    [
        ("def double(x):\n    return 2 / (x == 1)\n", "test_error: the oracle gives no result for test 2"),
        ("def double(x):\n    return object()\n", "test_error: the oracle's result for test 1 is not a plain value"),
        ("import nothing_here\n", "test_error: the oracle gives no result for test 1"),
    ],
)
def test_an_oracle_without_a_result_is_a_fault_of_the_tests(oracle: str, reason: str) -> None:
    with Executor(workers=1) as executor:
        result = executor.execute(ExecutionRequest(ORACLE, oracle_tests(oracle)))
    assert result.verdict is None
    assert result.reason.startswith(reason)
