"""Opens the session that executes a program with the plan of its tests."""

from __future__ import annotations

from prlcoder.executor.compiled_tests import CallPlan, FaultyTests, Plan, SplitPlan, StdioPlan
from prlcoder.executor.judging.calls import run_calls, run_calls_apart
from prlcoder.executor.judging.line_traces import with_lines
from prlcoder.executor.judging.orders import Session
from prlcoder.executor.judging.stdio import run_on_inputs
from prlcoder.executor.judging.tally import Tally
from prlcoder.executor.judging.testers import run_tester
from prlcoder.executor.verdicts import ExecutionRequest, ResourceLimits


def open_session(item: ExecutionRequest, plan: Plan, limits: ResourceLimits, profile: str) -> Session:
    """The session that executes ``item`` with the plan of its tests, whose limits are ``with_test_limit``. The result
    names the profile."""
    session = _session_of(item, plan, limits, profile)
    return with_lines(item, session) if item.trace_lines else session


def _session_of(item: ExecutionRequest, plan: Plan, limits: ResourceLimits, profile: str) -> Session:
    if isinstance(plan, CallPlan):
        return run_calls(item, plan, limits, profile)
    if isinstance(plan, SplitPlan):
        return run_calls_apart(item, plan, limits, profile)
    if isinstance(plan, StdioPlan):
        return run_on_inputs(item, plan, limits, profile)
    if isinstance(plan, FaultyTests):
        return _refuse(plan, profile)
    return run_tester(item, plan, limits, profile)


def _refuse(plan: FaultyTests, profile: str) -> Session:
    """The session of tests that are at fault: it runs nothing."""
    return Tally(0, profile).faulty(plan.fault)
    yield  # makes this function a generator, as every session is
