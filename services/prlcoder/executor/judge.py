"""From one execution to its verdict: which runs to order, and what their outcomes mean (contracts, section 2).

A session is a generator: it yields orders, is sent outcomes, and returns the result. It does no I/O.
"""

from __future__ import annotations

import marshal
import os
import signal
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final, NamedTuple

from prlcoder.executor.comparison import equal_output
from prlcoder.executor.compiled_tests import CallPlan, Case, DialoguePlan, Plan, SplitPlan, StdioPlan
from prlcoder.executor.jailed import tester_rpc, wire
from prlcoder.executor.verdicts import ExecutionRequest, ExecutionResult, ResourceLimits, Verdict

MIB: Final = 1 << 20


class Order(NamedTuple):
    """One run to be made. ``certain`` tells from the answers so far whether the rest cannot matter any more."""

    kind: int
    preamble: str
    body: bytes
    tester: bytes
    limits: ResourceLimits
    certain: Callable[[bytes], bool] | None = None


class RunOutcome(NamedTuple):
    """How a run went."""

    report: wire.Report
    stage: bytes
    answers: bytes
    output: bytes


Session = Generator[Order, RunOutcome, ExecutionResult]
Judgement = tuple[Verdict, str]


def open_session(item: ExecutionRequest, plan: Plan, limits: ResourceLimits, profile: str) -> Session:
    """The session that executes ``item``, whose tests are ``plan``; the result will name the profile."""
    if isinstance(plan, CallPlan):
        return _calls(item, plan, limits, profile)
    if isinstance(plan, SplitPlan):
        return _each_call(item, plan, limits, profile)
    if isinstance(plan, StdioPlan):
        return _stdio(item, plan, limits, profile)
    return _dialogue(item, plan, limits, profile)


@dataclass
class _Tally:
    """Adds up the runs of one program."""

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
        )


# --- calls ----------------------------------------------------------------------------------------------------------


def _calls(item: ExecutionRequest, plan: CallPlan, limits: ResourceLimits, profile: str) -> Session:
    def certain(answers: bytes) -> bool:
        said = _Said(answers)
        return any(judged is not None and judged[0] is not Verdict.PASSED for judged in map(said.judge, plan.cases))

    outcome = yield _order(item, plan, limits, None if item.all_tests else certain)
    tally = _Tally(len(plan.cases), profile)
    tally.spend(outcome.report)
    began = time.perf_counter()
    if outcome.stage == wire.COMPILED and outcome.answers == plan.right and not item.keep_answers:
        tally.passed = tally.total
    else:
        _judge_calls(item, plan, limits, outcome, tally)
    tally.compare_s = time.perf_counter() - began
    return tally.result()


def _order(
    item: ExecutionRequest, plan: CallPlan, limits: ResourceLimits, certain: Callable[[bytes], bool] | None
) -> Order:
    body = marshal.dumps((item.program, plan.entry_point, plan.fresh, plan.calls, item.all_tests), 2)
    return Order(wire.CALLS, item.preamble, body, b"", limits, certain)


def _each_call(item: ExecutionRequest, plan: SplitPlan, limits: ResourceLimits, profile: str) -> Session:
    """One process a case; the limits are still those of the program."""
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
    """Case by case, up to the first that does not pass unless all are wanted."""
    not_run = not_compiled(outcome)
    said = _Said(outcome.answers)
    ending: Judgement | None = None
    for case in plan.cases:
        judged = not_run or said.judge(case)
        if judged is None:
            ending = judged = ending or _unanswered(outcome, said, limits)
        tally.note(judged)
        if judged[0] is not Verdict.PASSED and not item.all_tests:
            break
    if not plan.cases:
        tally.note(not_run or said.loading or (Verdict.PASSED, ""))
    if item.keep_answers:
        tally.answers += tuple(said.answer(case) for case in plan.cases)


class _Said:
    """A candidate's records, as far as they are in order."""

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
        """The encoded answer to a case of one call; None if it has none."""
        records = self._records[case.first : case.first + case.count]
        return records[0].payload if len(records) == 1 and records[0].kind == wire.ANSWER else None

    def judge(self, case: Case) -> Judgement | None:
        """What the answers to one case mean; None if it was not answered."""
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
    """The judgement of a program that never came to run; None for one that did."""
    report, stage = outcome.report, outcome.stage
    if stage == wire.COMPILED:
        return None
    if stage:
        return Verdict.COMPILE_ERROR, stage.decode("utf-8", "replace")
    if report.end in (wire.WALL, wire.CPU):
        return Verdict.TIMEOUT, _clock(report.end)
    return Verdict.COMPILE_ERROR, _signal(report.status)  # the compiler crashed; other ends never get here (pool)


def _unanswered(outcome: RunOutcome, said: _Said, limits: ResourceLimits) -> Judgement:
    """Why a test has no answer."""
    if said.loading is not None:
        return said.loading
    if len(outcome.answers) > limits.output_mib * MIB:
        return Verdict.RUNTIME_ERROR, "output_limit"
    return _ended(outcome.report, limits) or (Verdict.RUNTIME_ERROR, "unanswered")


def _ended(report: wire.Report, limits: ResourceLimits) -> Judgement | None:
    """What the end of the process says by itself; None for a normal end with exit status 0."""
    if report.end in (wire.WALL, wire.CPU):
        return Verdict.TIMEOUT, _clock(report.end)
    if os.WIFSIGNALED(report.status):
        if os.WTERMSIG(report.status) == signal.SIGKILL and report.cpu_s >= limits.cpu_s:
            return Verdict.TIMEOUT, "cpu"  # the kernel's own limit was faster than the zygote's clock
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
            right = equal_output(outcome.output, expected, plan.comparison)
            judged = (Verdict.PASSED if right else Verdict.WRONG_ANSWER), ""
        tally.note(judged)
        tally.compare_s += time.perf_counter() - began
        if judged[0] is not Verdict.PASSED and not item.all_tests:
            break
    return tally.result()


def _left(limits: ResourceLimits, tally: _Tally) -> ResourceLimits:
    """What the tests so far have left of the program's limits (at least a moment, so that the end is a timeout)."""
    return ResourceLimits(
        cpu_s=max(limits.cpu_s - tally.cpu_s, 0.001),
        wall_s=max(limits.wall_s - tally.wall_s, 0.001),
        memory_mib=limits.memory_mib,
        output_mib=limits.output_mib,
        processes=limits.processes,
    )


def _stdio_ended(outcome: RunOutcome, limits: ResourceLimits) -> Judgement | None:
    """Why the output does not count; None if it does."""
    ended = _ended(outcome.report, limits)
    if ended is not None and ended[0] is Verdict.TIMEOUT:
        return ended
    if len(outcome.output) > limits.output_mib * MIB:
        return Verdict.RUNTIME_ERROR, "output_limit"
    if ended is not None and os.WIFEXITED(outcome.report.status):
        return _Said(outcome.answers).loading or ended
    return ended


# --- a tester and a candidate ---------------------------------------------------------------------------------------


def _dialogue(item: ExecutionRequest, plan: DialoguePlan, limits: ResourceLimits, profile: str) -> Session:
    body = marshal.dumps((item.program, plan.entry_point), 2)
    outcome = yield Order(wire.SERVE, item.preamble, body, plan.tester, limits)
    tally = _Tally(1, profile)
    tally.spend(outcome.report)
    tally.note(not_compiled(outcome) or _tested(outcome, limits))
    return tally.result()


def _tested(outcome: RunOutcome, limits: ResourceLimits) -> Judgement:
    """The tester's word, which no candidate can forge; without it, the candidate's end decides."""
    word = next(wire.records(outcome.output), None)
    if word is not None and word.kind == wire.RAISED:
        return _raised(word.payload)
    if word is not None and word.payload == tester_rpc.PASSED:
        return Verdict.PASSED, ""
    if word is not None and word.payload == tester_rpc.WRONG:
        return Verdict.WRONG_ANSWER, ""
    return _unanswered(outcome, _Said(outcome.answers), limits)
