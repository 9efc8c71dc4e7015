"""Runs a program without tests and returns its output (SandboxFusion's ``run_code``)."""

from __future__ import annotations

import marshal
import os
from collections.abc import Generator
from dataclasses import dataclass

from prlcoder.executor.jailed import wire
from prlcoder.executor.judging.endings import not_compiled
from prlcoder.executor.judging.orders import MIB, Order, RunOutcome
from prlcoder.executor.verdicts import ExecutionResult, ResourceLimits, Verdict


@dataclass(frozen=True)
class FreeRun:
    """One program, its standard input and its limits."""

    program: str
    stdin: str
    limits: ResourceLimits


@dataclass(frozen=True)
class RunOutput(ExecutionResult):
    """The outcome of a free run. ``verdict`` is PASSED for exit status 0.

    ``return_code`` follows Python's ``subprocess``; it is None for a program that reached its time limit. ``stdout``
    is truncated at the output limit.
    """

    stdout: bytes = b""
    return_code: int | None = None


def open_free_run(item: FreeRun) -> Generator[Order, RunOutcome, ExecutionResult]:
    """The session of a free run."""
    body = marshal.dumps((item.program, item.stdin.encode("utf-8", "surrogatepass")), 2)
    outcome = yield Order(wire.STDIO, "", body, b"", item.limits)
    report = outcome.report
    verdict, reason, code = _ending(outcome)
    return RunOutput(
        verdict,
        reason,
        wall_s=report.wall_s,
        cpu_s=report.cpu_s,
        memory_mib=report.rss_kib / 1024,
        stdout=outcome.output[: item.limits.output_mib * MIB],
        return_code=code,
    )


def _ending(outcome: RunOutcome) -> tuple[Verdict, str, int | None]:
    if (judged := not_compiled(outcome)) is not None:
        verdict, reason = judged
        return verdict, reason, None if verdict is Verdict.TIMEOUT else 1
    if outcome.report.end in (wire.WALL, wire.CPU):
        return Verdict.TIMEOUT, "", None
    code = os.waitstatus_to_exitcode(outcome.report.status)
    if code == 0:
        return Verdict.PASSED, "", 0
    raised = [record for record in wire.records(outcome.answers) if record.kind == wire.RAISED]
    return Verdict.RUNTIME_ERROR, raised[0].payload.decode("utf-8", "replace") if raised else "", code
