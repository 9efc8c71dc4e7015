"""The limits of a program whose tests have a limit each."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from prlcoder.executor.compiled_tests import CallPlan, Plan, SplitPlan, StdioPlan
from prlcoder.executor.verdicts import ResourceLimits

WALL_PER_CPU: Final = 2.0  # grown limits keep this proportion, so that CPU time decides and not the machine's load


def with_test_limit(limits: ResourceLimits, plan: Plan, most: ResourceLimits | None = None) -> ResourceLimits:
    """The limits with ``test_s`` resolved: the request's own, else that of the tests; None if there is none.

    The program's limits grow to what its tests may use together. A benchmark that allows 4 s per test allows a program
    with 100 tests 400 s; its verdicts could not be reproduced within the limits of a program that was not made for it.
    They never grow above ``most``.
    """
    if isinstance(plan, SplitPlan):
        count, own = len(plan.parts), plan.parts[0].test_limit_s
    elif isinstance(plan, CallPlan | StdioPlan):
        count, own = len(plan.cases), plan.test_limit_s
    else:  # a tester's tests are one program, which only the program's limits bound
        return replace(limits, test_s=None)
    limit = own if limits.test_s is None else limits.test_s
    if not limit:
        return replace(limits, test_s=None)
    cpu_s = max(limits.cpu_s, count * limit)
    wall_s = max(limits.wall_s, WALL_PER_CPU * cpu_s)
    if most is not None:
        cpu_s, wall_s = min(cpu_s, most.cpu_s), min(wall_s, most.wall_s)
    return replace(limits, test_s=limit, cpu_s=cpu_s, wall_s=wall_s)
