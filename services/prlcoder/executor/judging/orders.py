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
    trace: bool = False  # record the lines that the program executes; nothing else of such a run counts


class RunOutcome(NamedTuple):
    """How a run went: the zygote's report, the stage text, the candidate's records, and the output.

    ``output`` is standard output for a standard input/output program and the tester's records for a tester. ``lines``
    is the record of a traced run.
    """

    report: wire.Report
    stage: bytes
    answers: bytes
    output: bytes
    lines: bytes = b""


# The outcome of a traced run that the sandbox has lost.
LOST_TRACE: Final = RunOutcome(wire.Report(0, wire.BROKEN, 0, 0, 0.0, 0.0, 0.0, 0.0, 0, 0, 0, 0, 0), b"", b"", b"")

Session = Generator[Order, RunOutcome, ExecutionResult]
