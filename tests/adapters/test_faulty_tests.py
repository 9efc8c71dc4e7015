"""A fault of a problem's tests stops an adapter with a message; it never becomes a reward."""

from __future__ import annotations

import pytest

from prlcoder.adapters.rewards import Rewards
from prlcoder.adapters.verl import ground_truth, verdict_score
from prlcoder.errors import InputError
from prlcoder.executor import Executor
from prlcoder.problems.model import AssertTests, Problem

pytestmark = pytest.mark.needs_sandbox

TESTS = AssertTests("import no_such_package\ndef check(candidate):\n    assert candidate(1) == 2\n", "f", True)
PROBLEM = Problem("p/1", "Add one.", TESTS, solutions=("def f(n):\n    return n + 1\n",))
COMPLETION = "```python\ndef f(n):\n    return n + 1\n```"


def test_rewards_of_verdicts_name_the_problem() -> None:
    with Executor(workers=1) as executor, pytest.raises(InputError, match="p/1: tests: line 1: ModuleNotFoundError"):
        Rewards([PROBLEM], "plain").of_verdicts(executor, [("p/1", COMPLETION)])


def test_verls_score_names_the_problem() -> None:
    with pytest.raises(InputError, match="p/1: tests: line 1: ModuleNotFoundError"):
        verdict_score("data", COMPLETION, ground_truth(PROBLEM))
