"""Orders the runs of one execution and judges their outcomes (``docs/reference/contracts.md``, 2).

A session is a generator: it yields orders, is sent their outcomes, and returns the result. It does no I/O, so that
the pool can interleave any number of sessions.
"""

from __future__ import annotations

import marshal
import os
import signal
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from prlcoder.executor.comparison import equal_output
from prlcoder.executor.compiled_tests import CallPlan, Case, FaultyTests, Plan, SplitPlan, StdioPlan, TesterPlan
from prlcoder.executor.jailed import tester_rpc, wire
from prlcoder.executor.jailed.values import encode
from prlcoder.executor.verdicts import TEST_ERROR, ExecutionRequest, ExecutionResult, ResourceLimits, Verdict

MIB: Final = 1 << 20
_OPAQUE: Final = encode((Ellipsis, "opaque"))[5:]  # in the bytes of every answer with an object in it


class Order(NamedTuple):
    """One run to make. ``certain`` decides from the answers so far whether the rest can still change the verdict."""

    kind: int
    preamble: str
    body: bytes
    tester: bytes
    limits: ResourceLimits
    certain: Callable[[bytes], bool] | None = None


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
    """The session that executes ``item`` with the plan of its tests. The result names the profile."""
    if isinstance(plan, CallPlan):
        return _calls(item, plan, limits, profile)
    if isinstance(plan, SplitPlan):
        return _calls_apart(item, plan, limits, profile)
    if isinstance(plan, StdioPlan):
        return _stdio(item, plan, limits, profile)
    if isinstance(plan, FaultyTests):
        return _refuse(plan, profile)
    return _run_tester(item, plan, limits, profile)


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
    else:
        _judge_calls(item, plan, limits, outcome, tally)
    tally.compare_s = time.perf_counter() - began
    if plan.fallback is not None and _OPAQUE in outcome.answers:
        return (yield from _judge_by_tester(item, plan.fallback, limits, tally))
    return tally.result()


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
    return Order(wire.CALLS, item.preamble, body, b"", limits, certain)


def _calls_apart(item: ExecutionRequest, plan: SplitPlan, limits: ResourceLimits, profile: str) -> Session:
    """Run each case in a separate process. The limits stay those of the program as a whole."""
    tally = _Tally(len(plan.parts), profile)
    for part in plan.parts:
        left = _left(limits, tally)
        outcome = yield _order(item, part, left, None)
        tally.spend(outcome.report)
        began = time.perf_counter()
        _judge_calls(item, part, left, outcome, tally)
        tally.compare_s += time.perf_counter() - began
        if tally.first_failure is not None and not item.all_tests:
            break
    return tally.result()


def _judge_calls(
    item: ExecutionRequest, plan: CallPlan, limits: ResourceLimits, outcome: RunOutcome, tally: _Tally
) -> None:
    """Judge case by case and stop at the first one that does not pass, unless ``all_tests`` is set."""
    not_run = not_compiled(outcome)
    records = _CandidateRecords(outcome.answers)
    ending: Judgement | None = None
    for case in plan.cases:
        judged = not_run or records.judge(case)
        if judged is None:  # every case without an answer has the same reason: how the process ended
            ending = judged = ending or _unanswered(outcome, records, limits)
        tally.note(judged)
        if judged[0] is not Verdict.PASSED and not item.all_tests:
            break
    if not plan.cases:
        tally.note(not_run or records.loading or (Verdict.PASSED, ""))
    if item.keep_answers:
        tally.answers += tuple(records.answer(case) for case in plan.cases)


class _CandidateRecords:
    """A candidate's records, up to the first one that is out of order.

    The candidate can write anything into the file of records. A record only counts at its own position, so a forged
    record can replace a right answer by a wrong one but cannot make an answer right whose value is unknown to it.
    """

    def __init__(self, answers: bytes) -> None:
        self.loading: Judgement | None = None
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
    for stdin, expected in plan.cases:
        left = _left(limits, tally)
        outcome = yield Order(wire.STDIO, item.preamble, marshal.dumps((item.program, stdin), 2), b"", left)
        tally.spend(outcome.report)
        began = time.perf_counter()
        judged = not_compiled(outcome) or _stdio_ended(outcome, left)
        if item.keep_answers:
            tally.answers += (outcome.output if judged is None else None,)
        if judged is None:
            right = equal_output(outcome.output, expected, plan.comparison, plan.tolerance)
            judged = (Verdict.PASSED if right else Verdict.WRONG_ANSWER), ""
        tally.note(judged)
        tally.compare_s += time.perf_counter() - began
        if judged[0] is not Verdict.PASSED and not item.all_tests:
            break
    return tally.result()


def _left(limits: ResourceLimits, tally: _Tally) -> ResourceLimits:
    """The program's limits less what earlier tests used, but at least a millisecond, so that the end is a timeout."""
    return ResourceLimits(
        cpu_s=max(limits.cpu_s - tally.cpu_s, 0.001),
        wall_s=max(limits.wall_s - tally.wall_s, 0.001),
        memory_mib=limits.memory_mib,
        output_mib=limits.output_mib,
        processes=limits.processes,
    )


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
