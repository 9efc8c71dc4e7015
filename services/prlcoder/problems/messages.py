"""Tests of problems. Values travel as Python literals (``prlcoder.problems.literals``)."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from prlcoder.lru_cache import LruCache
from prlcoder.problems.literals import LiteralError, decode, decode_arguments, encode, encode_arguments
from prlcoder.problems.model import AssertTests, CallTest, CallTests, Comparison, StdioTest, StdioTests, Tests
from prlcoder.rpc.errors import invalid
from prlcoder.v1 import problem_pb2

_COMPARISONS: Final[dict[int, Comparison]] = {
    problem_pb2.COMPARISON_VALUE: Comparison.VALUE,
    problem_pb2.COMPARISON_STRICT: Comparison.STRICT,
    problem_pb2.COMPARISON_EXACT: Comparison.EXACT,
    problem_pb2.COMPARISON_LINES: Comparison.LINES,
    problem_pb2.COMPARISON_TOKENS: Comparison.TOKENS,
    problem_pb2.COMPARISON_FLOATS: Comparison.FLOATS,
}
_NUMBERS: Final[dict[Comparison, Any]] = {comparison: number for number, comparison in _COMPARISONS.items()}
_OF_CALLS: Final = (Comparison.VALUE, Comparison.STRICT)
_OF_STDIO: Final = (Comparison.LINES, Comparison.EXACT, Comparison.TOKENS, Comparison.FLOATS)


def write_tests(tests: Tests) -> problem_pb2.Tests:
    """The message. ``LiteralError`` for a value that no literal expresses, ``UnicodeEncodeError`` for text that is not
    Unicode."""
    if isinstance(tests, CallTests):
        calls = [
            problem_pb2.CallTest(input=encode_arguments(case.args, case.kwargs), output=encode(case.expected))
            for case in tests.cases
        ]
        return problem_pb2.Tests(
            calls=problem_pb2.CallTests(
                entry_point=tests.entry_point, cases=calls, comparison=_NUMBERS[tests.comparison]
            )
        )
    if isinstance(tests, StdioTests):
        runs = [problem_pb2.StdioTest(input=case.stdin, output=case.expected) for case in tests.cases]
        return problem_pb2.Tests(stdio=problem_pb2.StdioTests(cases=runs, comparison=_NUMBERS[tests.comparison]))
    return problem_pb2.Tests(
        asserts=problem_pb2.AssertTests(
            source=tests.source, entry_point=tests.entry_point, check=tests.check, setup=tests.setup
        )
    )


def read_tests(message: problem_pb2.Tests, field: str) -> Tests:
    """The tests; ``Refusal`` that names the wrong field."""
    match message.WhichOneof("kind"):
        case "calls":
            return _read_calls(message.calls, f"{field}.calls")
        case "stdio":
            return _read_stdio(message.stdio, f"{field}.stdio")
        case "asserts":
            return _read_asserts(message.asserts, f"{field}.asserts")
    raise invalid(field, "holds no tests; set calls, stdio or asserts")


def _read_calls(message: problem_pb2.CallTests, field: str) -> CallTests:
    _require(message.entry_point, f"{field}.entry_point", "name the function that is called")
    _require(message.cases, f"{field}.cases", "a problem needs at least one test")
    comparison = _comparison(message.comparison, _OF_CALLS, field)
    cases = [_read_call(case, f"{field}.cases[{number}]") for number, case in enumerate(message.cases)]
    return CallTests(message.entry_point, tuple(cases), comparison)


def _read_call(case: problem_pb2.CallTest, field: str) -> CallTest:
    part = "input"
    try:
        args, kwargs = decode_arguments(case.input)
        part = "output"
        return CallTest(args, kwargs, decode(case.output))
    except LiteralError as error:
        raise invalid(f"{field}.{part}", str(error)) from None


def _read_stdio(message: problem_pb2.StdioTests, field: str) -> StdioTests:
    _require(message.cases, f"{field}.cases", "a problem needs at least one test")
    cases = tuple(StdioTest(case.input, case.output) for case in message.cases)
    return StdioTests(cases, _comparison(message.comparison, _OF_STDIO, field))


def _read_asserts(message: problem_pb2.AssertTests, field: str) -> AssertTests:
    _require(message.source, f"{field}.source", "hold the test code")
    _require(message.entry_point, f"{field}.entry_point", "name what is tested")
    for part in ("source", "setup"):
        try:
            compile(getattr(message, part), "<tests>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise invalid(f"{field}.{part}", f"is not Python ({type(error).__name__}: {error})") from None
    return AssertTests(message.source, message.entry_point, message.check, message.setup)


def _comparison(number: int, allowed: tuple[Comparison, ...], field: str) -> Comparison:
    comparison = _COMPARISONS.get(number) if number else allowed[0]
    if comparison is None or comparison not in allowed:
        names = ", ".join(f"COMPARISON_{choice.name}" for choice in allowed)
        raise invalid(f"{field}.comparison", f"does not apply here; choose one of {names}")
    return comparison


def _require(value: object, field: str, remedy: str) -> None:
    if not value:
        raise invalid(field, f"is empty; {remedy}")


class KnownTests:
    """The most recently read tests by content, so that programs of one problem share one object (and its plan)."""

    def __init__(self, capacity: int = 512) -> None:
        self._read = LruCache[bytes, Tests](capacity)

    def read(self, message: problem_pb2.Tests, field: str) -> tuple[Tests, bytes]:
        """The tests and the digest of their message; ``CallError`` as ``read_tests``."""
        digest = hashlib.sha256(message.SerializeToString(deterministic=True)).digest()
        return self._read.get_or_make(digest, lambda: read_tests(message, field)), digest
