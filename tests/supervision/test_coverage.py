"""What the marked canonical program reports, and which variants are therefore left out."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from prlcoder.executor import Executor, ResourceLimits
from prlcoder.mutator import Variant
from prlcoder.problems.model import AssertTests, CallTest, CallTests, Problem, StdioTest, StdioTests, Tests
from prlcoder.segmenter import Segment
from prlcoder.supervision import coverage
from prlcoder.supervision.coverage import Coverage
from prlcoder.supervision.labelling import label

pytestmark = pytest.mark.needs_sandbox
LIMITS = ResourceLimits(cpu_s=2.0, wall_s=5.0, memory_mib=256)
SIGN = '''from __future__ import annotations

def sign(n: int) -> int:
    """-1, 0 or 1."""
    if n > 0:
        return 1
    elif n == 0:
        return 0
    else:
        n += 0
        return -1
'''
READ = """import sys
n = int(input())
if n > 2:
    print("big")
    sys.exit(0)
print("small")
"""


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with Executor(workers=1, limits=LIMITS) as sandbox:
        yield sandbox


def problem(program: str, tests: Tests) -> Problem:
    return Problem(id="p", statement="", tests=tests, solutions=(program,))


def measured(executor: Executor, one: Problem) -> Coverage:
    return coverage.read(one, executor.run(coverage.executions(one, LIMITS)))


def never(found: Coverage) -> list[str]:
    return sorted(ast.unparse(node) for node in found.never)


CALLS = CallTests("sign", (CallTest((5,), {}, 1), CallTest((2,), {}, 1)))
CHECK = AssertTests("def check(candidate):\n    assert candidate(5) == 1\n    assert candidate(0) == 0\n", "sign", True)
PLAIN = AssertTests("assert sign(5) == 1\nfor n in (1, 2):\n    assert sign(-n) == -1", "sign", False)


@pytest.mark.parametrize(
    ("tests", "expected"),
    [
        (CALLS, ["if n == 0:\n    return 0\nelse:\n    n += 0\n    return -1", "n += 0", "return -1", "return 0"]),
        (CHECK, ["n += 0", "return -1"]),
        (PLAIN, ["return 0"]),
    ],
)
def test_each_kind_of_test_reports_what_it_did_not_execute(
    executor: Executor, tests: Tests, expected: list[str]
) -> None:
    assert never(measured(executor, problem(SIGN, tests))) == expected


def test_programs_on_standard_input_report_however_they_end(executor: Executor) -> None:
    big, small = StdioTest("3\n", "big\n"), StdioTest("1\n", "small\n")
    assert never(measured(executor, problem(READ, StdioTests((big,))))) == ["print('small')"]
    assert never(measured(executor, problem(READ, StdioTests((small,))))) == ["print('big')", "sys.exit(0)"]
    assert never(measured(executor, problem(READ, StdioTests((big, small))))) == []


def test_a_program_that_says_nothing_counts_as_executed(executor: Executor) -> None:
    slow = "def f(n):\n    while n:\n        pass\n    return 1\n"
    one = problem(slow, CallTests("f", (CallTest((1,), {}, 1),)))
    (run,) = coverage.executions(one, ResourceLimits(cpu_s=0.1, wall_s=1.0))
    assert never(coverage.read(one, executor.run([run]))) == []
    assert coverage.executions(problem("f(", one.tests), LIMITS) == []


@pytest.mark.parametrize(
    ("variant", "reached"),
    [
        (SIGN.replace("return -1", "return 1"), False),
        (SIGN.replace("        n += 0\n", ""), False),
        (SIGN.replace("return 1\n    elif", "return 2\n    elif"), True),
        (SIGN.replace("elif", "if"), True),  # moved to where every call passes it
        (SIGN.replace("        return -1\n", "    return -1\n"), True),
        (SIGN + "print(sign)\n", True),
        (SIGN.replace("return 0\n", "return 0 +\n"), True),  # a syntax error is everywhere
    ],
)
def test_a_variant_is_reached_where_it_first_differs(executor: Executor, variant: str, reached: bool) -> None:
    found = measured(executor, problem(SIGN, CHECK))
    assert variant != SIGN
    assert found.reaches(variant) is reached


class Everywhere:
    """A teacher that changes every number."""

    name = "everywhere"

    def propose(self, problem_id: str, source: str, segments: list[Segment], index: int) -> list[Variant]:
        text = segments[index].text
        changed = text.replace("1", "7").replace("0", "9")
        return [Variant("mutation", "number", changed)] if changed != text else []


def test_labelling_leaves_out_what_no_test_executes(executor: Executor) -> None:
    made = label([problem(SIGN, CALLS)], mode="line", teachers=[Everywhere()], executor=executor, limits=LIMITS)
    variants = [step for step in made.steps if step.origin == "mutation"]
    assert [step.segment for step in variants] == ["    if n > 9:\n", "        return 7\n"]
    assert made.dropped["never_executed"] == 4
