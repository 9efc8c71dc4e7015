"""The session of tests that give a standard input and expect a standard output."""

from __future__ import annotations

import marshal
import os
import time
from dataclasses import replace

from prlcoder.executor.comparison import equal_output
from prlcoder.executor.compiled_tests import StdioPlan
from prlcoder.executor.jailed import wire
from prlcoder.executor.judging.candidate_records import CandidateRecords
from prlcoder.executor.judging.checkers import run_checker
from prlcoder.executor.judging.endings import Judgement, ended, not_compiled
from prlcoder.executor.judging.orders import MIB, Order, RunOutcome, Session
from prlcoder.executor.judging.tally import Tally
from prlcoder.executor.verdicts import ExecutionRequest, ResourceLimits, Verdict


def run_on_inputs(item: ExecutionRequest, plan: StdioPlan, limits: ResourceLimits, profile: str) -> Session:
    """Run the program once per standard input."""
    tally = Tally(len(plan.cases), profile)
    for number, (stdin, expected) in enumerate(plan.cases):
        left = _for_one_test(tally.left(limits), limits)
        outcome = yield Order(wire.STDIO, item.preamble, marshal.dumps((item.program, stdin), 2), b"", left)
        tally.spend(outcome.report)
        began = time.perf_counter()
        judged = not_compiled(outcome) or _stdio_ended(outcome, left)
        if item.keep_answers:
            tally.answers += (outcome.output if judged is None else None,)
        if judged is None and plan.checker is not None:
            text = outcome.output.decode("utf-8", "replace")
            checked = yield from run_checker(plan.checker.part(number, 1), [text], limits, tally)
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


def _for_one_test(left: ResourceLimits, limits: ResourceLimits) -> ResourceLimits:
    """What is left for the program, but at most what one test may use."""
    if limits.test_s is None:
        return left
    wall_s = limits.test_s * limits.wall_s / limits.cpu_s
    return replace(left, cpu_s=min(left.cpu_s, limits.test_s), wall_s=min(left.wall_s, wall_s))


def _stdio_ended(outcome: RunOutcome, limits: ResourceLimits) -> Judgement | None:
    """The reason why the output does not count, or None if it counts."""
    ending = ended(outcome.report, limits)
    if ending is not None and ending[0] is Verdict.TIMEOUT:
        return ending
    if len(outcome.output) > limits.output_mib * MIB:
        return Verdict.RUNTIME_ERROR, "output_limit"
    if ending is not None and os.WIFEXITED(outcome.report.status):
        return CandidateRecords(outcome.answers).loading or ending
    return ending
