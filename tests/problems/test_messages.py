"""Tests with all their options survive the way through protobuf."""

from __future__ import annotations

import pytest

from prlcoder.problems.messages import read_tests, write_tests
from prlcoder.problems.model import (
    AssertTests,
    CallTest,
    CallTests,
    Comparison,
    StdioTest,
    StdioTests,
    Tests,
    Tolerance,
)
from prlcoder.rpc.errors import CallError

CALLS = (CallTest(([1], 2), {"k": {3}}, (0.5,)), CallTest((), {}, None))
RUNS = (StdioTest("1\n", "2\n"), StdioTest("", ""))
CALL_COMPARISONS = tuple(map(Comparison, ("value", "strict", "shallow", "apps", "evalplus")))
OUTPUT_COMPARISONS = tuple(map(Comparison, ("lines", "exact", "tokens", "floats", "decimals", "apps")))
CHECKER = "def check(input, output, expected):\n    return True\n"
TOLERANCE = Tolerance(absolute=1e-6, relative=0.0)
ORACLE = CallTests("f", (CallTest((1,), {}, None),), Comparison.EVALPLUS, oracle="def f(x):\n    return x\n")


@pytest.mark.parametrize(
    "tests",
    [
        *(CallTests("f", CALLS, comparison) for comparison in CALL_COMPARISONS),
        *(StdioTests(RUNS, comparison) for comparison in OUTPUT_COMPARISONS),
        CallTests("f", CALLS, Comparison.VALUE, TOLERANCE, test_limit_s=4.0),
        CallTests("f", CALLS, checker=CHECKER),
        StdioTests(RUNS, Comparison.LINES, TOLERANCE, test_limit_s=0.5),
        StdioTests(RUNS, checker=CHECKER),
        ORACLE,
        AssertTests("assert f(1) == 2", "f", check=False, setup="import math"),
    ],
    ids=lambda tests: f"{type(tests).__name__}",
)
def test_a_message_read_is_the_tests_that_were_written(tests: Tests) -> None:
    assert read_tests(write_tests(tests), "tests") == tests


def test_an_oracle_that_is_no_python_is_named() -> None:
    message = write_tests(ORACLE)
    message.calls.oracle = "def f("
    with pytest.raises(CallError, match="is not Python") as raised:
        read_tests(message, "tests")
    assert raised.value.field == "tests.calls.oracle"
