"""The sessions of tests that call the program: the answers are compared outside the jail."""

from __future__ import annotations

import marshal
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Final

from prlcoder.executor.compiled_tests import MAX_PREDICATE_BYTES, CallPlan, SplitPlan, TesterPlan
from prlcoder.executor.jailed import wire
from prlcoder.executor.jailed.values import encode
from prlcoder.executor.judging.candidate_records import CandidateRecords
from prlcoder.executor.judging.checkers import run_checker
from prlcoder.executor.judging.endings import Judgement, not_compiled, unanswered
from prlcoder.executor.judging.orders import Order, RunOutcome, Session
from prlcoder.executor.judging.tally import Tally
from prlcoder.executor.judging.testers import run_tester
from prlcoder.executor.verdicts import ExecutionRequest, ResourceLimits, Verdict

_OPAQUE: Final = encode((Ellipsis, "opaque"))[5:]  # in the bytes of every answer with an object in it


def run_calls(item: ExecutionRequest, plan: CallPlan, limits: ResourceLimits, profile: str) -> Session:
    """Run all cases in one process."""

    def certain(answers: bytes) -> bool:  # one test that fails decides, so the run may stop while the program loops
        records = CandidateRecords(answers)
        return any(judged is not None and judged[0] is not Verdict.PASSED for judged in map(records.judge, plan.cases))

    outcome = yield _order(item, plan, limits, None if item.all_tests else certain)
    tally = Tally(len(plan.cases), profile)
    tally.spend(outcome.report)
    began = time.perf_counter()
    # Most programs in training are right, so the common case is one comparison of bytes without decoding anything.
    if outcome.stage == wire.COMPILED and outcome.answers == plan.right and not item.keep_answers:
        tally.passed = tally.total
    elif plan.checker is not None or (item.all_tests and limits.test_s is not None):
        return (yield from _calls_in_parts(item, plan, limits, outcome, tally))
    else:
        _judge_calls(item, plan, limits, outcome, tally)
    tally.compare_s = time.perf_counter() - began
    if plan.fallback is not None and _needs_tester(outcome, tally):
        return (yield from _judge_by_tester(item, plan.fallback, limits, tally))
    return tally.result()


def _needs_tester(outcome: RunOutcome, tally: Tally) -> bool:
    """Whether an answer was an object, or so large that no predicate looked at it."""
    too_large = len(outcome.answers) > MAX_PREDICATE_BYTES and tally.first_failure is not None
    return too_large or _OPAQUE in outcome.answers


def _calls_in_parts(
    item: ExecutionRequest, plan: CallPlan, limits: ResourceLimits, outcome: RunOutcome, tally: Tally
) -> Session:
    """Judge calls with a checker, and go on in a new process after a call that reached its own limit.

    The calls after such a call have a limit of their own, so with ``all_tests`` they count for the share of tests that
    pass. They do not see what earlier calls have changed.
    """
    while True:
        records = CandidateRecords(outcome.answers)
        fault = yield from _check(item, plan, limits, records, tally)
        if fault:
            return tally.faulty(fault)
        left = tally.left(limits)
        goes_on = item.all_tests and limits.test_s is not None and outcome.report.end == wire.CPU and left.cpu_s > 0.001
        judged = _judge_calls(item, plan, limits, outcome, tally, records, stop_unanswered=goes_on)
        if judged == len(plan.cases) or not goes_on:
            return tally.result()
        plan = plan.part(judged, len(plan.cases) - judged)
        outcome = yield _order(item, plan, left, None)
        tally.spend(outcome.report)


def run_calls_apart(item: ExecutionRequest, plan: SplitPlan, limits: ResourceLimits, profile: str) -> Session:
    """Run each case in a separate process. The limits stay those of the program as a whole."""
    tally = Tally(len(plan.parts), profile)
    for part in plan.parts:
        left = tally.left(limits)
        outcome = yield _order(item, part, left, None)
        tally.spend(outcome.report)
        records = CandidateRecords(outcome.answers)
        fault = yield from _check(item, part, limits, records, tally)
        if fault:
            return tally.faulty(fault)
        began = time.perf_counter()
        _judge_calls(item, part, left, outcome, tally, records)
        tally.compare_s += time.perf_counter() - began
        if tally.first_failure is not None and not item.all_tests:
            break
    return tally.result()


def _judge_calls(
    item: ExecutionRequest,
    plan: CallPlan,
    limits: ResourceLimits,
    outcome: RunOutcome,
    tally: Tally,
    records: CandidateRecords | None = None,
    *,
    stop_unanswered: bool = False,
) -> int:
    """Judge case by case and stop at the first one that does not pass, unless ``all_tests`` is set.

    Returns the number of cases that were judged. With ``stop_unanswered`` the last of them is the first without an
    answer.
    """
    not_run = not_compiled(outcome)
    records = records or CandidateRecords(outcome.answers)
    ending: Judgement | None = None
    count = 0
    for case in plan.cases:
        count += 1
        judged = not_run or records.judge(case)
        has_no_answer = judged is None
        if judged is None:  # every case without an answer has the same reason: how the process ended
            ending = judged = ending or unanswered(outcome, records.loading, limits)
        tally.note(judged)
        if (judged[0] is not Verdict.PASSED and not item.all_tests) or (has_no_answer and stop_unanswered):
            break
    if not plan.cases:
        tally.note(not_run or records.loading or (Verdict.PASSED, ""))
    if item.keep_answers:
        tally.answers += tuple(records.answer(case) for case in (plan.cases[:count] if stop_unanswered else plan.cases))
    return count


def _check(
    item: ExecutionRequest, plan: CallPlan, limits: ResourceLimits, records: CandidateRecords, tally: Tally
) -> Generator[Order, RunOutcome, str]:
    """Replace the records' answers by what the checker says of them. Returns the fault of a checker that is at
    fault."""
    if plan.checker is None:
        return ""
    answers = []
    for case in plan.cases:
        answer = records.answer(case)
        if answer is None:
            break
        answers.append(answer)
    judgements = yield from run_checker(plan.checker, answers, limits, tally)
    if isinstance(judgements, str):
        return judgements
    records.checked = judgements
    return ""


def _judge_by_tester(item: ExecutionRequest, plan: TesterPlan, limits: ResourceLimits, tally: Tally) -> Session:
    """Run the tests again in a tester, where the test code can look at every answer."""
    result = yield from run_tester(item, plan, limits, tally.profile)
    if result.verdict is None:
        return result
    passed = tally.total if result.passed else min(tally.passed, tally.total - 1)
    return replace(result, tests_passed=passed, tests_total=tally.total, answers=tally.answers)


def _order(
    item: ExecutionRequest, plan: CallPlan, limits: ResourceLimits, certain: Callable[[bytes], bool] | None
) -> Order:
    body = marshal.dumps((item.program, plan.entry_point, plan.fresh, plan.calls, item.all_tests), 2)
    if plan.checker is not None:
        certain = None  # only the checker can tell
    return Order(wire.CALLS, item.preamble, body, b"", limits, certain, limits.test_s or 0.0)
