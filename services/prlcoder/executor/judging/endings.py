"""What follows from the way in which a run ended."""

from __future__ import annotations

import os
import signal

from prlcoder.executor.jailed import wire
from prlcoder.executor.judging.orders import MIB, RunOutcome
from prlcoder.executor.verdicts import ResourceLimits, Verdict

Judgement = tuple[Verdict, str]  # and its reason


def raised(name: bytes) -> Judgement:
    """The judgement of a program that raised an exception of the class ``name``."""
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


def unanswered(outcome: RunOutcome, loading: Judgement | None, limits: ResourceLimits) -> Judgement:
    """The reason why a test has no answer. ``loading`` is the judgement of a program whose loading raised."""
    if loading is not None:
        return loading
    if len(outcome.answers) > limits.output_mib * MIB:
        return Verdict.RUNTIME_ERROR, "output_limit"
    return ended(outcome.report, limits) or (Verdict.RUNTIME_ERROR, "unanswered")


def ended(report: wire.Report, limits: ResourceLimits) -> Judgement | None:
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
