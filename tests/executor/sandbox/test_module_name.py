"""What a program is called: imported where its functions are called, ``__main__`` where it reads standard input."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from prlcoder.executor import ExecutionRequest, Executor
from prlcoder.problems.model import AssertTests, CallTest, CallTests, StdioTest, StdioTests, Tests

pytestmark = pytest.mark.needs_sandbox
GUARDED = "def f():\n    return __name__\n\nif __name__ == '__main__':\n    raise ValueError\n"
CLASSES = """
import __main__, copy, pickle
from dataclasses import dataclass

@dataclass
class Point:
    x: int

def f():
    return copy.deepcopy(pickle.loads(pickle.dumps(Point(3)))).x == 3 and __main__.f is f
"""


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with Executor(workers=1) as running:
        yield running


@pytest.mark.parametrize(
    ("program", "tests"),
    [
        (GUARDED, CallTests("f", (CallTest((), {}, "solution"),))),
        (GUARDED, AssertTests("assert f() == 'solution'", "f", check=False)),
        (
            GUARDED,
            AssertTests("def check(c):\n    x = [c() for _ in range(2)]\n    assert x[0] == x[1]\n", "f", check=True),
        ),
        (CLASSES, CallTests("f", (CallTest((), {}, True),))),
        ("if __name__ == '__main__':\n    print(input())\n", StdioTests((StdioTest("a\n", "a\n"),))),
    ],
)
def test_a_program_passes_under_its_name(executor: Executor, program: str, tests: Tests) -> None:
    result = executor.execute(ExecutionRequest(program, tests))
    assert result.passed, result.reason
