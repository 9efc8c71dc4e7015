"""Conversion between the executor's types and protocol buffers: limits and results."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from prlcoder.executor import ExecutionResult, ResourceLimits, Verdict
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
_NAMES: Final = tuple(field.name for field in fields(ResourceLimits))


def write_limits(limits: ResourceLimits) -> verdict_pb2.Limits:
    """The message, in seconds and MiB."""
    return verdict_pb2.Limits(**{name: getattr(limits, name) for name in _NAMES})


def read_limits(
    message: verdict_pb2.Limits, field: str, default: ResourceLimits, highest: ResourceLimits
) -> ResourceLimits:
    """The limits; a field that is 0 takes the default. ``CallError`` for a value that is negative, NaN or too high."""
    values = {name: getattr(message, name) or getattr(default, name) for name in _NAMES}
    for name, value in values.items():
        if not 0 < value <= getattr(highest, name):  # written so that NaN is refused too
            raise invalid(f"{field}.{name}", f"{value} must be above 0 and at most {getattr(highest, name)}")
    return ResourceLimits(**values)


def write_result(result: ExecutionResult) -> verdict_pb2.ExecutionResult:
    """The message of a result that has a verdict."""
    assert result.verdict is not None  # a sandbox failure is a status, not a result
    return verdict_pb2.ExecutionResult(
        verdict=_VERDICTS[result.verdict],
        reason=result.reason,
        tests_passed=result.tests_passed,
        tests_total=result.tests_total,
        wall_s=result.wall_s,
        cpu_s=result.cpu_s,
        memory_mib=result.memory_mib,
        profile=result.profile,
        timings_s=result.timings_s,
        answers=[verdict_pb2.Answer(value=answer) for answer in result.answers],
    )


def read_result(message: verdict_pb2.ExecutionResult) -> ExecutionResult:
    """The inverse of ``write_result``."""
    return ExecutionResult(
        _BY_NUMBER[message.verdict],
        message.reason,
        message.tests_passed,
        message.tests_total,
        message.wall_s,
        message.cpu_s,
        message.memory_mib,
        message.profile,
        dict(message.timings_s),
        tuple(answer.value if answer.HasField("value") else None for answer in message.answers),
    )
