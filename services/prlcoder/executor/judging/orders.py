"""What a session asks a worker to run, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Final, NamedTuple

from prlcoder.executor.jailed import wire
from prlcoder.executor.verdicts import ExecutionResult, ResourceLimits

MIB: Final = 1 << 20


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
