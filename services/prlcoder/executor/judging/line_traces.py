"""Runs a program once more to find out which lines it executes. Its verdict is known before and stays as it is.

The record comes from the process of an untrusted program, so it is data and no fact: only lines of the program are
read from it, and nothing else of the second run counts. A run that is traced is slower, could reach a limit, and can be
told from one that is not; that is why the verdict comes from a run without tracing.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Final, NamedTuple

from prlcoder.executor.jailed import wire
from prlcoder.executor.jailed.line_trace import ERROR_LINE
from prlcoder.executor.judging.orders import Order, RunOutcome, Session
from prlcoder.executor.verdicts import ExecutionRequest, ExecutionResult, Verdict

TRACED_CPU_S: Final = 2.0  # for all traced runs of one program; a program that loops has executed its lines long before
WALL_PER_CPU: Final = 2.0
_SHORTEST_RUN_S: Final = 0.001
_PROGRAM_KINDS: Final = (wire.CALLS, wire.STDIO, wire.SERVE)
_LIMITS: Final = (wire.WALL, wire.CPU)
_WITH_ERROR: Final = (Verdict.RUNTIME_ERROR, Verdict.COMPILE_ERROR)


class LineTrace(NamedTuple):
    """What a record says: the executed lines, and the line of the first exception or None. Both are 1-based."""

    executed: frozenset[int]
    error_line: int | None


def with_lines(item: ExecutionRequest, session: Session) -> Session:
    """The session, and after it a traced run of each order that it has made. The result gets ``executed_lines`` and
    ``error_line``; both stay None if the sandbox fails in a traced run, or if the program reaches its limit only there,
    because lines would then be missing."""
    orders: list[Order] = []
    try:
        order = next(session)
        while True:
            orders.append(order)
            order = session.send((yield order))
    except StopIteration as end:
        result: ExecutionResult = end.value
    if result.verdict is None:
        return result
    own = [order for order in orders if order.kind in _PROGRAM_KINDS]
    trace = yield from _trace(own, item.program, may_end=result.verdict is Verdict.TIMEOUT)
    if trace is None:
        return result
    error_line = trace.error_line if result.verdict in _WITH_ERROR else None
    return replace(result, executed_lines=tuple(sorted(trace.executed)), error_line=error_line)


def _trace(orders: list[Order], program: str, *, may_end: bool) -> Generator[Order, RunOutcome, LineTrace | None]:
    """The lines of all traced runs together; None if the sandbox failed in one of them, or a limit ended it and
    ``may_end`` is false."""
    executed: frozenset[int] = frozenset()
    error_line: int | None = None
    left = TRACED_CPU_S
    for order in orders:
        if left < _SHORTEST_RUN_S:
            return LineTrace(executed, error_line) if may_end else None
        cpu_s = min(order.limits.cpu_s, left)
        limits = replace(order.limits, cpu_s=cpu_s, wall_s=min(order.limits.wall_s, WALL_PER_CPU * cpu_s))
        outcome = yield order._replace(limits=limits, trace=True)
        if outcome.report.end == wire.BROKEN or (outcome.report.end in _LIMITS and not may_end):
            return None
        left -= outcome.report.cpu_s
        found = read_trace(outcome.lines, program)
        executed |= found.executed
        error_line = error_line or found.error_line
    return LineTrace(executed, error_line)


def read_trace(record: bytes, program: str) -> LineTrace:
    """Read the record of a traced run. Whatever is in it, the result names lines of the program only."""
    lines = program.count("\n") + 1
    executed = record[ERROR_LINE.size + 1 : ERROR_LINE.size + 1 + lines]
    error_line = ERROR_LINE.unpack_from(record)[0] if len(record) >= ERROR_LINE.size else 0
    return LineTrace(
        frozenset(line for line, byte in enumerate(executed, start=1) if byte == 1),
        error_line if 1 <= error_line <= lines else None,
    )
