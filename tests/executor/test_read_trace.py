"""The record of executed lines is untrusted bytes: what is read from it names lines of the program only."""

from __future__ import annotations

import random

import pytest

from prlcoder.executor import ExecutionRequest, ExecutionResult, Verdict
from prlcoder.executor.jailed import wire
from prlcoder.executor.jailed.line_trace import ERROR_LINE, LineTracer
from prlcoder.executor.judging.line_traces import read_trace, with_lines
from prlcoder.executor.judging.orders import LOST_TRACE, Order, RunOutcome, Session
from prlcoder.executor.serving.messages import read_result, write_result
from prlcoder.executor.verdicts import ResourceLimits
from prlcoder.problems.model import CallTests

PROGRAM = "a = 1\nb = 2\nc = 3\n"


def record(error_line: int, *lines: int) -> bytes:
    return ERROR_LINE.pack(error_line) + bytes(line in lines for line in range(max(lines, default=0) + 1))


def test_a_record_names_the_executed_lines_and_the_error() -> None:
    assert read_trace(record(2, 1, 3), PROGRAM) == (frozenset({1, 3}), 2)
    assert read_trace(record(0), PROGRAM) == (frozenset(), None)
    assert read_trace(b"", PROGRAM) == (frozenset(), None)


def test_lines_outside_of_the_program_are_left_out() -> None:
    assert read_trace(record(5, 1, 99), PROGRAM) == (frozenset({1}), None)


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_name_lines_of_the_program(seed: int) -> None:
    drawn = random.Random(seed)
    found = read_trace(drawn.randbytes(drawn.choice([0, 1, 3, 4, 5, 100, 70_000])), PROGRAM)
    assert found.executed <= {1, 2, 3, 4}
    assert found.error_line in (None, 1, 2, 3, 4)


def judged(verdict: Verdict | None) -> Session:
    """A session of one run that comes to this verdict."""
    yield Order(wire.CALLS, "", b"", b"", ResourceLimits(cpu_s=10.0, wall_s=20.0))
    return ExecutionResult(verdict, "why", cpu_s=0.5)


def outcome(lines: bytes) -> RunOutcome:
    return LOST_TRACE._replace(report=LOST_TRACE.report._replace(end=wire.EXITED, cpu_s=0.25), lines=lines)


def run(verdict: Verdict | None, traced: RunOutcome) -> tuple[ExecutionResult, list[Order]]:
    """The result of a session whose traced run ended so, and the orders that it made."""
    session = with_lines(ExecutionRequest(PROGRAM, CallTests("f", ()), trace_lines=True), judged(verdict))
    orders = [next(session)]
    try:
        orders.append(session.send(outcome(b"")))
        orders.append(session.send(traced))
    except StopIteration as end:
        return end.value, orders
    raise AssertionError("the session did not end")


def test_the_second_run_is_traced_and_short_and_only_its_lines_count() -> None:
    result, (first, second) = run(Verdict.RUNTIME_ERROR, outcome(record(2, 1, 2)))
    assert (first.trace, second.trace) == (False, True)
    assert (second.limits.cpu_s, second.limits.wall_s) == (2.0, 4.0)
    assert result == ExecutionResult(Verdict.RUNTIME_ERROR, "why", cpu_s=0.5, executed_lines=(1, 2), error_line=2)


def test_a_program_that_fails_by_its_answer_has_no_error_line() -> None:
    result, _ = run(Verdict.WRONG_ANSWER, outcome(record(2, 1, 2)))
    assert (result.executed_lines, result.error_line) == ((1, 2), None)


def test_a_traced_run_that_the_sandbox_lost_leaves_the_verdict() -> None:
    result, _ = run(Verdict.PASSED, LOST_TRACE)
    assert result == ExecutionResult(Verdict.PASSED, "why", cpu_s=0.5)


@pytest.mark.parametrize("limit", [wire.CPU, wire.WALL])
def test_lines_are_not_known_if_only_the_traced_run_reaches_a_limit(limit: int) -> None:
    ended = outcome(record(0, 1))
    ended = ended._replace(report=ended.report._replace(end=limit))
    assert run(Verdict.PASSED, ended)[0].executed_lines is None
    assert run(Verdict.TIMEOUT, ended)[0].executed_lines == (1,)


def test_without_a_verdict_nothing_is_traced() -> None:
    result, orders = run(None, LOST_TRACE)
    assert result.verdict is None
    assert len(orders) == 1


@pytest.mark.parametrize(("lines", "error"), [(None, None), ((), None), ((1, 4), 4)])
def test_lines_are_the_same_over_the_wire(lines: tuple[int, ...] | None, error: int | None) -> None:
    result = ExecutionResult(Verdict.RUNTIME_ERROR, "IndexError", executed_lines=lines, error_line=error)
    assert read_result(write_result(result)) == result


def test_a_line_is_recorded_a_few_times_at_most_however_often_it_runs(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The tracer in this process, on a file."""
    program = compile("for k in range(1000):\n    k += 1\nx = 2\n", "<program>", "exec")
    path = tmp_path_factory.mktemp("trace") / "record"
    with path.open("w+b") as file:
        written: list[int] = []
        tracer = LineTracer(program, file.fileno())

        def write(descriptor: int, data: bytes, at: int) -> int:
            written.append(at - ERROR_LINE.size)
            return len(data)

        tracer._write = write  # type: ignore[assignment]
        tracer.start()
        try:
            exec(program, {})
        finally:
            stop()
    assert set(written) == {1, 2, 3}
    assert len(written) < 10  # `sys.monitoring` reports each place of the code that belongs to a line


def stop() -> None:
    """End tracing in this process."""
    import sys
    import threading

    if sys.version_info >= (3, 12):
        sys.monitoring.free_tool_id(sys.monitoring.COVERAGE_ID)
    else:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
