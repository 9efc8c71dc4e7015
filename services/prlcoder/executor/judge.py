"""Orders the runs of one execution and judges their outcomes (``docs/reference/contracts.md``, 2).

A session is a generator: it yields orders, is sent their outcomes, and returns the result. It does no I/O, so that
the pool can interleave any number of sessions.
"""

from __future__ import annotations

import marshal
import os
import signal
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from prlcoder.executor.comparison import equal_output
from prlcoder.executor.compiled_tests import (
    CallPlan,
    Case,
    Checker,
    FaultyTests,
    Plan,
    SplitPlan,
    StdioPlan,
    TesterPlan,
)
from prlcoder.executor.jailed import checking, tester_rpc, wire
from prlcoder.executor.jailed.values import encode
from prlcoder.executor.verdicts import TEST_ERROR, ExecutionRequest, ExecutionResult, ResourceLimits, Verdict

MIB: Final = 1 << 20
WALL_PER_CPU: Final = 2.0  # grown limits keep this proportion, so that CPU time decides and not the machine's load
_OPAQUE: Final = encode((Ellipsis, "opaque"))[5:]  # in the bytes of every answer with an object in it


class Order(NamedTuple):
    """One run to make. ``certain`` decides from the answers so far whether the rest can still change the verdict."""

    kind: int
    preamble: str
    body: bytes
    tester: bytes
    limits: ResourceLimits
    certain: Callable[[bytes], bool] | None = None
    test_s: float = 0.0  # CPU seconds per call, 0 without such a limit


class RunOutcome(NamedTuple):
    """How a run went: the zygote's report, the stage text, the candidate's records, and the output.

    ``output`` is standard output for a standard input/output program and the tester's records for a tester.
    """

    report: wire.Report
    stage: bytes
    answers: bytes
    output: bytes


Session = Generator[Order, RunOutcome, ExecutionResult]
Judgement = tuple[Verdict, str]


def open_session(item: ExecutionRequest, plan: Plan, limits: ResourceLimits, profile: str) -> Session:
    """The session that executes ``item`` with the plan of its tests, whose limits are ``with_test_limit``. The result
    names the profile."""
    if isinstance(plan, CallPlan):
        return _calls(item, plan, limits, profile)
    if isinstance(plan, SplitPlan):
        return _calls_apart(item, plan, limits, profile)
    if isinstance(plan, StdioPlan):
        return _stdio(item, plan, limits, profile)
    if isinstance(plan, FaultyTests):
        return _refuse(plan, profile)
    return _run_tester(item, plan, limits, profile)


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


@dataclass
class _Tally:
    """Sums up the runs of one program."""

    total: int
    profile: str
    passed: int = 0
    first_failure: Judgement | None = None
    wall_s: float = 0.0
    cpu_s: float = 0.0
    rss_kib: int = 0
    fork_s: float = 0.0
    compile_s: float = 0.0
    compare_s: float = 0.0
    answers: tuple[bytes | None, ...] = ()
    test_exception: str = ""

    def spend(self, report: wire.Report) -> None:
        self.wall_s += report.wall_s
        self.cpu_s += report.cpu_s
        self.fork_s += report.fork_s
        self.compile_s += report.compile_s
        self.rss_kib = max(self.rss_kib, report.rss_kib)

    def note(self, judgement: Judgement) -> None:
        if judgement[0] is Verdict.PASSED:
            self.passed += 1
        elif self.first_failure is None:
            self.first_failure = judgement

    def result(self) -> ExecutionResult:
        verdict, reason = self.first_failure or (Verdict.PASSED, "")
        run_s = max(self.wall_s - self.fork_s - self.compile_s, 0.0)
        timings = {"fork": self.fork_s, "compile": self.compile_s, "run": run_s, "compare": self.compare_s}
        return ExecutionResult(
            verdict,
            reason,
            self.passed,
            self.total,
            self.wall_s,
            self.cpu_s,
            self.rss_kib / 1024,
            self.profile,
            timings,
            self.answers,
            self.test_exception,
        )

    def faulty(self, fault: str) -> ExecutionResult:
        """The result where the tests are at fault: it has the measurements, and no verdict."""
        return replace(self.result(), verdict=None, reason=f"{TEST_ERROR}: {fault}", tests_passed=0)


# --- calls ----------------------------------------------------------------------------------------------------------


def _calls(item: ExecutionRequest, plan: CallPlan, limits: ResourceLimits, profile: str) -> Session:
    def certain(answers: bytes) -> bool:  # one test that fails decides, so the run may stop while the program loops
        records = _CandidateRecords(answers)
        return any(judged is not None and judged[0] is not Verdict.PASSED for judged in map(records.judge, plan.cases))

    outcome = yield _order(item, plan, limits, None if item.all_tests else certain)
    tally = _Tally(len(plan.cases), profile)
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
    if plan.fallback is not None and _OPAQUE in outcome.answers:
        return (yield from _judge_by_tester(item, plan.fallback, limits, tally))
    return tally.result()


def _calls_in_parts(
    item: ExecutionRequest, plan: CallPlan, limits: ResourceLimits, outcome: RunOutcome, tally: _Tally
) -> Session:
    """Judge calls with a checker, and go on in a new process after a call that reached its own limit.

    The calls after such a call have a limit of their own, so with ``all_tests`` they count for the share of tests that
    pass. They do not see what earlier calls have changed.
    """
    while True:
        records = _CandidateRecords(outcome.answers)
        fault = yield from _check(item, plan, limits, records, tally)
        if fault:
            return tally.faulty(fault)
        left = _left(limits, tally)
        goes_on = item.all_tests and limits.test_s is not None and outcome.report.end == wire.CPU and left.cpu_s > 0.001
        judged = _judge_calls(item, plan, limits, outcome, tally, records, stop_unanswered=goes_on)
        if judged == len(plan.cases) or not goes_on:
            return tally.result()
        plan = plan.part(judged, len(plan.cases) - judged)
        outcome = yield _order(item, plan, left, None)
        tally.spend(outcome.report)


def _check(
    item: ExecutionRequest, plan: CallPlan, limits: ResourceLimits, records: _CandidateRecords, tally: _Tally
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
    judgements = yield from _run_checker(plan.checker, answers, limits, tally)
    if isinstance(judgements, str):
        return judgements
    records.checked = judgements
    return ""


def _run_checker(
    checker: Checker, answers: Sequence[bytes | str], limits: ResourceLimits, tally: _Tally
) -> Generator[Order, RunOutcome, list[bool] | str]:
    """For each answer whether the checker accepts it, or what is wrong with the checker.

    A checker that raises for an answer, or does not decide on it within the limits, does not accept it: a wrong answer
    may be the cause. The exception is kept, so that it can be told whether the canonical solution meets it too.
    """
    if not answers:
        return []
    cases = list(zip(checker.inputs, answers, checker.expected, strict=False))
    body = marshal.dumps(("", checker.code, cases), 2)
    outcome = yield Order(wire.CHECK, "", body, b"", replace(limits, test_s=None))
    judgements = []
    for record in wire.records(outcome.answers):
        said = record.payload.decode("utf-8", "replace")
        if record.kind == wire.RAISED and (record.call == wire.LOADED or ": ModuleNotFoundError: " in said):
            return said
        if record.kind == wire.RAISED:
            tally.test_exception = tally.test_exception or said
        judgements.append(record.payload == checking.RIGHT)
    if len(judgements) < len(answers):
        tally.test_exception = tally.test_exception or "checker: it reached its limits of time or memory"
    return judgements + [False] * (len(answers) - len(judgements))


def _judge_by_tester(item: ExecutionRequest, plan: TesterPlan, limits: ResourceLimits, tally: _Tally) -> Session:
    """Run the tests again in a tester, because an answer was an object that only its own process can look at."""
    result = yield from _run_tester(item, plan, limits, tally.profile)
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


def _calls_apart(item: ExecutionRequest, plan: SplitPlan, limits: ResourceLimits, profile: str) -> Session:
    """Run each case in a separate process. The limits stay those of the program as a whole."""
    tally = _Tally(len(plan.parts), profile)
    for part in plan.parts:
        left = _left(limits, tally)
        outcome = yield _order(item, part, left, None)
        tally.spend(outcome.report)
        records = _CandidateRecords(outcome.answers)
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
    tally: _Tally,
    records: _CandidateRecords | None = None,
    *,
    stop_unanswered: bool = False,
) -> int:
    """Judge case by case and stop at the first one that does not pass, unless ``all_tests`` is set.

    Returns the number of cases that were judged. With ``stop_unanswered`` the last of them is the first without an
    answer.
    """
    not_run = not_compiled(outcome)
    records = records or _CandidateRecords(outcome.answers)
    ending: Judgement | None = None
    count = 0
    for case in plan.cases:
        count += 1
        judged = not_run or records.judge(case)
        unanswered = judged is None
        if judged is None:  # every case without an answer has the same reason: how the process ended
            ending = judged = ending or _unanswered(outcome, records, limits)
        tally.note(judged)
        if (judged[0] is not Verdict.PASSED and not item.all_tests) or (unanswered and stop_unanswered):
            break
    if not plan.cases:
        tally.note(not_run or records.loading or (Verdict.PASSED, ""))
    if item.keep_answers:
        tally.answers += tuple(records.answer(case) for case in (plan.cases[:count] if stop_unanswered else plan.cases))
    return count


class _CandidateRecords:
    """A candidate's records, up to the first one that is out of order.

    The candidate can write anything into the file of records. A record only counts at its own position, so a forged
    record can replace a right answer by a wrong one but cannot make an answer right whose value is unknown to it.
    """

    def __init__(self, answers: bytes) -> None:
        self.loading: Judgement | None = None
        self.checked: list[bool] | None = None  # what a checker says of the first answers, one call per case
        self._records: list[wire.CandidateRecord] = []
        for record in wire.records(answers):
            if record.call == wire.LOADED and record.kind == wire.RAISED:
                self.loading = _raised(record.payload)
            elif record.call != len(self._records):
                break
            else:
                self._records.append(record)

    def answer(self, case: Case) -> bytes | None:
        """The encoded answer to a case of one call, or None if there is no answer."""
        records = self._records[case.first : case.first + case.count]
        return records[0].payload if len(records) == 1 and records[0].kind == wire.ANSWER else None

    def judge(self, case: Case) -> Judgement | None:
        """The judgement of one case, or None if it was not answered."""
        records = self._records[case.first : case.first + case.count]
        for record in records:
            if record.kind != wire.ANSWER:
                return _raised(record.payload)
        if len(records) < case.count or (case.count == 0 and self.loading is not None):
            return None
        if self.checked is not None:
            return (Verdict.PASSED if self.checked[case.first] else Verdict.WRONG_ANSWER), ""
        if case.passes([record.payload for record in records]):
            return Verdict.PASSED, ""
        return Verdict.WRONG_ANSWER, ""


def _raised(name: bytes) -> Judgement:
    text = name.decode("utf-8", "replace")
    return Verdict.RUNTIME_ERROR, "memory" if text == "MemoryError" else text


def not_compiled(outcome: RunOutcome) -> Judgement | None:
    """The judgement of a program that never started to run, or None if it did start."""
    report, stage = outcome.report, outcome.stage
    if stage == wire.COMPILED:
        return None
    if stage:
        return Verdict.COMPILE_ERROR, stage.decode("utf-8", "replace")
    if report.end in (wire.WALL, wire.CPU):
        return Verdict.TIMEOUT, _clock(report.end)
    return Verdict.COMPILE_ERROR, _signal(report.status)  # the compiler crashed; the pool retries all other ends


def _unanswered(outcome: RunOutcome, records: _CandidateRecords, limits: ResourceLimits) -> Judgement:
    """The reason why a test has no answer."""
    if records.loading is not None:
        return records.loading
    if len(outcome.answers) > limits.output_mib * MIB:
        return Verdict.RUNTIME_ERROR, "output_limit"
    return _ended(outcome.report, limits) or (Verdict.RUNTIME_ERROR, "unanswered")


def _ended(report: wire.Report, limits: ResourceLimits) -> Judgement | None:
    """The judgement that follows from the end of the process alone, or None for exit status 0."""
    if report.end in (wire.WALL, wire.CPU):
        return Verdict.TIMEOUT, _clock(report.end)
    if os.WIFSIGNALED(report.status):
        if os.WTERMSIG(report.status) == signal.SIGKILL and report.cpu_s >= limits.cpu_s:
            return Verdict.TIMEOUT, "cpu"  # the kernel enforced its limit before the zygote's clock did
        return Verdict.RUNTIME_ERROR, _signal(report.status)
    code = os.WEXITSTATUS(report.status)
    return (Verdict.RUNTIME_ERROR, f"exit_code {code}") if code else None


def _clock(end: int) -> str:
    return "wall" if end == wire.WALL else "cpu"


def _signal(status: int) -> str:
    number = os.WTERMSIG(status)
    try:
        return f"signal {signal.Signals(number).name}"
    except ValueError:
        return f"signal {number}"


# --- standard input and output --------------------------------------------------------------------------------------


def _stdio(item: ExecutionRequest, plan: StdioPlan, limits: ResourceLimits, profile: str) -> Session:
    tally = _Tally(len(plan.cases), profile)
    for number, (stdin, expected) in enumerate(plan.cases):
        left = _for_one_test(_left(limits, tally), limits)
        outcome = yield Order(wire.STDIO, item.preamble, marshal.dumps((item.program, stdin), 2), b"", left)
        tally.spend(outcome.report)
        began = time.perf_counter()
        judged = not_compiled(outcome) or _stdio_ended(outcome, left)
        if item.keep_answers:
            tally.answers += (outcome.output if judged is None else None,)
        if judged is None and plan.checker is not None:
            text = outcome.output.decode("utf-8", "replace")
            checked = yield from _run_checker(plan.checker.part(number, 1), [text], limits, tally)
            if isinstance(checked, str):
                return tally.faulty(checked)
            judged = (Verdict.PASSED if checked[0] else Verdict.WRONG_ANSWER), ""
        elif judged is None:
            right = equal_output(outcome.output, expected, plan.comparison, plan.tolerance)
            judged = (Verdict.PASSED if right else Verdict.WRONG_ANSWER), ""
        tally.note(judged)
        tally.compare_s += time.perf_counter() - began
        if judged[0] is not Verdict.PASSED and not item.all_tests:
            break
    return tally.result()


def _left(limits: ResourceLimits, tally: _Tally) -> ResourceLimits:
    """The program's limits less what earlier tests used, but at least a millisecond, so that the end is a timeout."""
    return replace(
        limits, cpu_s=max(limits.cpu_s - tally.cpu_s, 0.001), wall_s=max(limits.wall_s - tally.wall_s, 0.001)
    )


def _for_one_test(left: ResourceLimits, limits: ResourceLimits) -> ResourceLimits:
    """What is left for the program, but at most what one test may use."""
    if limits.test_s is None:
        return left
    wall_s = limits.test_s * limits.wall_s / limits.cpu_s
    return replace(left, cpu_s=min(left.cpu_s, limits.test_s), wall_s=min(left.wall_s, wall_s))


def _stdio_ended(outcome: RunOutcome, limits: ResourceLimits) -> Judgement | None:
    """The reason why the output does not count, or None if it counts."""
    ended = _ended(outcome.report, limits)
    if ended is not None and ended[0] is Verdict.TIMEOUT:
        return ended
    if len(outcome.output) > limits.output_mib * MIB:
        return Verdict.RUNTIME_ERROR, "output_limit"
    if ended is not None and os.WIFEXITED(outcome.report.status):
        return _CandidateRecords(outcome.answers).loading or ended
    return ended


# --- a tester and a candidate ---------------------------------------------------------------------------------------


def _run_tester(item: ExecutionRequest, plan: TesterPlan, limits: ResourceLimits, profile: str) -> Session:
    body = marshal.dumps((item.program, plan.entry_point), 2)
    outcome = yield Order(wire.SERVE, item.preamble, body, plan.tester, limits)
    tally = _Tally(1, profile)
    tally.spend(outcome.report)
    record = next(wire.records(outcome.output), None)
    note = _tester_note(outcome)
    if record is not None and record.payload == tester_rpc.TEST_ERROR:
        return tally.faulty(note)
    tally.test_exception = note
    tally.note(not_compiled(outcome) or _tester_judgement(outcome, limits))
    return tally.result()


def _refuse(plan: FaultyTests, profile: str) -> Session:
    """The session of tests that are at fault: it runs nothing."""
    return _Tally(0, profile).faulty(plan.fault)
    yield  # makes this function a generator, as every session is


def _tester_note(outcome: RunOutcome) -> str:
    """What the tester said about an exception of the test code; empty if there was none."""
    note = next((one for one in wire.records(outcome.output) if one.call == tester_rpc.NOTE), None)
    return note.payload.decode("utf-8", "replace") if note is not None else ""


def _tester_judgement(outcome: RunOutcome, limits: ResourceLimits) -> Judgement:
    """The tester's record, which no candidate can forge, decides. Without a record, the candidate's end decides."""
    record = next(wire.records(outcome.output), None)
    if record is not None and record.kind == wire.RAISED:
        return _raised(record.payload)
    if record is not None and record.payload == tester_rpc.PASSED:
        return Verdict.PASSED, ""
    if record is not None and record.payload == tester_rpc.WRONG:
        return Verdict.WRONG_ANSWER, ""
    if record is not None and record.payload == tester_rpc.OWN_OBJECT:
        return Verdict.WRONG_ANSWER, "own_object"
    return _unanswered(outcome, _CandidateRecords(outcome.answers), limits)
