"""What an attack is, and how it is checked: it gets its one right verdict, and the program after it is unharmed.

Sources of the attacks: those known against reward harnesses (frames, ``__eq__``, early exits, daemons, patched modules)
and the conformance lists of judges (limits, signals, encodings).
"""

from __future__ import annotations

import textwrap
from typing import NamedTuple

from prlcoder.executor import ExecutionRequest, Executor, ResourceLimits, Verdict
from prlcoder.problems.model import AssertTests, CallTest, CallTests, Comparison, StdioTest, StdioTests

SECRET = 8_675_309_424_242
CALLS = CallTests("f", (CallTest((3,), {}, SECRET), CallTest((4,), {}, SECRET + 1)))
STDIO = StdioTests((StdioTest("3\n", f"{SECRET}\n"), StdioTest("4\n", f"{SECRET + 1}\n")))
TESTER = AssertTests(
    f"def check(candidate):\n    for n in (3, 4):\n        assert candidate(n) == {SECRET} + n - 3\n", "f", True
)
HONEST = f"def f(n):\n    return {SECRET} + n - 3\n"
HONEST_STDIO = f"print({SECRET} + int(input()) - 3)\n"


class Attack(NamedTuple):
    """A program and the one verdict and reason that it must get; under gVisor, ``gvisor`` where that differs.

    It differs where no other process may be started and no signal sent, and where none is PID 1.
    """

    name: str
    program: str
    verdict: Verdict
    reason: str
    limits: ResourceLimits | None = None
    gvisor: tuple[Verdict, str] | None = None


PASSED, WRONG, RUNTIME, COMPILE, TIMEOUT = Verdict

SHORT_WALL = ResourceLimits(cpu_s=2.0, wall_s=0.6, memory_mib=512, output_mib=4, processes=8)
SHORT_CPU = ResourceLimits(cpu_s=0.3, wall_s=8.0, memory_mib=512, output_mib=4, processes=8)

CANARY = (
    "import os\n"
    "def f(n):\n"
    "    return [sorted(os.listdir('.')), os.getpid() == 1, int.__add__(n, 1), sorted(map(abs, [-2, 1]))]\n"
)


def canary(executor: Executor) -> ExecutionRequest:
    """A program that passes where nothing is left of the one before."""
    clean = [[], executor.profile == "namespaces", 2, [1, 2]]
    return ExecutionRequest(CANARY, CallTests("f", (CallTest((1,), {}, clean),), Comparison.STRICT))


def check(executor: Executor, attack: Attack, tests: CallTests | StdioTests | AssertTests) -> None:
    """The attack gets its verdict and the canary after it passes."""
    program = textwrap.dedent(attack.program) if attack.program.startswith("\n") else attack.program
    expected = (attack.verdict, attack.reason)
    if executor.profile == "gvisor":
        expected = attack.gvisor or expected
    result, after = executor.run([ExecutionRequest(program, tests, limits=attack.limits), canary(executor)])
    assert (result.verdict, result.reason) == expected
    assert result.profile == executor.profile
    assert (after.verdict, after.reason) == (Verdict.PASSED, "")


def names(attacks: list[Attack]) -> list[str]:
    """Test ids."""
    return [attack.name for attack in attacks]
