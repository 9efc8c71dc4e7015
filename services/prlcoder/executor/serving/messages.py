"""Conversion between the executor's types and protocol buffers: limits and results."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from prlcoder.executor import ExecutionResult, ResourceLimits, Verdict
from prlcoder.executor.verdicts import TEST_ERROR
from prlcoder.rpc.errors import invalid
from prlcoder.v1 import verdict_pb2

_VERDICTS: Final = {
    Verdict.PASSED: verdict_pb2.VERDICT_PASSED,
    Verdict.WRONG_ANSWER: verdict_pb2.VERDICT_WRONG_ANSWER,
    Verdict.RUNTIME_ERROR: verdict_pb2.VERDICT_RUNTIME_ERROR,
    Verdict.COMPILE_ERROR: verdict_pb2.VERDICT_COMPILE_ERROR,
    Verdict.TIMEOUT: verdict_pb2.VERDICT_TIMEOUT,
}
_BY_NUMBER: Final = {number: verdict for verdict, number in _VERDICTS.items()}
_NAMES: Final = tuple(field.name for field in fields(ResourceLimits) if field.name != "test_s")


def write_limits(limits: ResourceLimits) -> verdict_pb2.Limits:
    """The message, in seconds and MiB."""
    return verdict_pb2.Limits(**{name: getattr(limits, name) for name in _NAMES}, test_s=limits.test_s)


def read_limits(
    message: verdict_pb2.Limits, field: str, default: ResourceLimits, highest: ResourceLimits
) -> ResourceLimits:
    """The limits; a field that is 0 takes the default. ``CallError`` for a value that is negative, NaN or too high."""
    values = {name: getattr(message, name) or getattr(default, name) for name in _NAMES}
    for name, value in values.items():
        if not 0 < value <= getattr(highest, name):  # written so that NaN is refused too
            raise invalid(f"{field}.{name}", f"{value} must be above 0 and at most {getattr(highest, name)}")
    test_s = message.test_s if message.HasField("test_s") else default.test_s
    if test_s is not None and not 0 <= test_s <= highest.cpu_s:
        raise invalid(f"{field}.test_s", f"{test_s} must be at least 0 and at most {highest.cpu_s}")
    return ResourceLimits(**values, test_s=test_s)


def write_result(result: ExecutionResult) -> verdict_pb2.ExecutionResult:
    """The message of a result that has a verdict, or whose tests are at fault."""
    assert result.verdict is not None or result.test_error  # a sandbox failure is a status, not a result
    return verdict_pb2.ExecutionResult(
        verdict=verdict_pb2.VERDICT_UNSPECIFIED if result.verdict is None else _VERDICTS[result.verdict],
        reason="" if result.verdict is None else result.reason,
        tests_passed=result.tests_passed,
        tests_total=result.tests_total,
        wall_s=result.wall_s,
        cpu_s=result.cpu_s,
        memory_mib=result.memory_mib,
        profile=result.profile,
        timings_s=result.timings_s,
        answers=[verdict_pb2.Answer(value=answer) for answer in result.answers],
        test_error=result.test_error,
        test_exception=result.test_exception,
        line_trace=_write_lines(result),
    )


def _write_lines(result: ExecutionResult) -> verdict_pb2.LineTrace | None:
    if result.executed_lines is None:
        return None
    return verdict_pb2.LineTrace(executed_lines=result.executed_lines, error_line=result.error_line)


def read_result(message: verdict_pb2.ExecutionResult) -> ExecutionResult:
    """The inverse of ``write_result``."""
    faulty = message.verdict == verdict_pb2.VERDICT_UNSPECIFIED
    return ExecutionResult(
        None if faulty else _BY_NUMBER[message.verdict],
        f"{TEST_ERROR}: {message.test_error}" if faulty else message.reason,
        message.tests_passed,
        message.tests_total,
        message.wall_s,
        message.cpu_s,
        message.memory_mib,
        message.profile,
        dict(message.timings_s),
        tuple(answer.value if answer.HasField("value") else None for answer in message.answers),
        message.test_exception,
        *_read_lines(message),
    )


def _read_lines(message: verdict_pb2.ExecutionResult) -> tuple[tuple[int, ...] | None, int | None]:
    if not message.HasField("line_trace"):
        return None, None
    trace = message.line_trace
    return tuple(trace.executed_lines), trace.error_line if trace.HasField("error_line") else None
