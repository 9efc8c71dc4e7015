"""Protobuf messages of tests, problems and prompts.

Values in tests are sent as Python literals (``prlcoder.problems.literals``). A problem is sent to models without its
tests.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any, Final

from prlcoder.errors import InputError
from prlcoder.lru_cache import LruCache
from prlcoder.problems.literals import LiteralError, decode, decode_arguments, encode, encode_arguments
from prlcoder.problems.model import (
    AssertTests,
    CallTest,
    CallTests,
    Comparison,
    Problem,
    StdioTest,
    StdioTests,
    Tests,
    Tolerance,
)
from prlcoder.problems.prompts import ModelInput, Prompt, PromptTemplate, Spans, render
from prlcoder.rpc.errors import invalid
from prlcoder.v1 import problem_pb2

_COMPARISONS: Final[dict[int, Comparison]] = {
    problem_pb2.COMPARISON_VALUE: Comparison.VALUE,
    problem_pb2.COMPARISON_STRICT: Comparison.STRICT,
    problem_pb2.COMPARISON_EXACT: Comparison.EXACT,
    problem_pb2.COMPARISON_LINES: Comparison.LINES,
    problem_pb2.COMPARISON_TOKENS: Comparison.TOKENS,
    problem_pb2.COMPARISON_FLOATS: Comparison.FLOATS,
    problem_pb2.COMPARISON_SHALLOW: Comparison.SHALLOW,
    problem_pb2.COMPARISON_DECIMALS: Comparison.DECIMALS,
    problem_pb2.COMPARISON_EVALPLUS: Comparison.EVALPLUS,
    problem_pb2.COMPARISON_APPS: Comparison.APPS,
}
_NUMBERS: Final[dict[Comparison, Any]] = {comparison: number for number, comparison in _COMPARISONS.items()}
_OF_CALLS: Final = (
    Comparison.VALUE,
    Comparison.STRICT,
    Comparison.SHALLOW,
    Comparison.EVALPLUS,
    Comparison.APPS,
)
_OF_STDIO: Final = (
    Comparison.LINES,
    Comparison.EXACT,
    Comparison.TOKENS,
    Comparison.FLOATS,
    Comparison.DECIMALS,
    Comparison.APPS,
)
_NO_TESTS: Final = CallTests("", ())


def write_tests(tests: Tests) -> problem_pb2.Tests:
    """The message of the tests.

    ``LiteralError`` for a value that cannot be written as a literal, ``UnicodeEncodeError`` for a lone surrogate.
    """
    if isinstance(tests, CallTests):
        return problem_pb2.Tests(calls=_write_calls(tests))
    if isinstance(tests, StdioTests):
        return problem_pb2.Tests(stdio=_write_stdio(tests))
    return problem_pb2.Tests(
        asserts=problem_pb2.AssertTests(
            source=tests.source, entry_point=tests.entry_point, check=tests.check, setup=tests.setup
        )
    )


def _write_calls(tests: CallTests) -> problem_pb2.CallTests:
    cases = [
        problem_pb2.CallTest(input=encode_arguments(case.args, case.kwargs), output=encode(case.expected))
        for case in tests.cases
    ]
    return problem_pb2.CallTests(
        entry_point=tests.entry_point,
        cases=cases,
        comparison=_NUMBERS[tests.comparison],
        tolerance=_write_tolerance(tests.tolerance),
        checker=tests.checker,
        test_limit_s=tests.test_limit_s or 0.0,
        oracle=tests.oracle,
    )


def _write_stdio(tests: StdioTests) -> problem_pb2.StdioTests:
    return problem_pb2.StdioTests(
        cases=[problem_pb2.StdioTest(input=case.stdin, output=case.expected) for case in tests.cases],
        comparison=_NUMBERS[tests.comparison],
        tolerance=_write_tolerance(tests.tolerance),
        checker=tests.checker,
        test_limit_s=tests.test_limit_s or 0.0,
    )


def _write_tolerance(tolerance: Tolerance | None) -> problem_pb2.Tolerance | None:
    return (
        None if tolerance is None else problem_pb2.Tolerance(absolute=tolerance.absolute, relative=tolerance.relative)
    )


def read_tests(message: problem_pb2.Tests, field: str) -> Tests:
    """The tests; ``CallError`` names the invalid field."""
    match message.WhichOneof("kind"):
        case "calls":
            return _read_calls(message.calls, f"{field}.calls")
        case "stdio":
            return _read_stdio(message.stdio, f"{field}.stdio")
        case "asserts":
            return _read_asserts(message.asserts, f"{field}.asserts")
    raise invalid(field, "contains no tests; set calls, stdio or asserts")


def _read_calls(message: problem_pb2.CallTests, field: str) -> CallTests:
    _require(message.entry_point, f"{field}.entry_point", "name the function that is called")
    _require(message.cases, f"{field}.cases", "a problem needs at least one test")
    comparison = _comparison(message.comparison, _OF_CALLS, field)
    cases = [
        _read_call(case, f"{field}.cases[{number}]", has_output=not message.oracle)
        for number, case in enumerate(message.cases)
    ]
    _require_python(message.oracle, f"{field}.oracle")
    tolerance, checker, test_limit_s = _read_judging(message, field)
    return CallTests(
        entry_point=message.entry_point,
        cases=tuple(cases),
        comparison=comparison,
        tolerance=tolerance,
        checker=checker,
        test_limit_s=test_limit_s,
        oracle=message.oracle,
    )


def _read_call(case: problem_pb2.CallTest, field: str, *, has_output: bool) -> CallTest:
    part = "input"
    try:
        args, kwargs = decode_arguments(case.input)
        part = "output"
        return CallTest(args, kwargs, decode(case.output) if has_output else None)
    except LiteralError as error:
        raise invalid(f"{field}.{part}", str(error)) from None


def _read_stdio(message: problem_pb2.StdioTests, field: str) -> StdioTests:
    _require(message.cases, f"{field}.cases", "a problem needs at least one test")
    cases = tuple(StdioTest(case.input, case.output) for case in message.cases)
    tolerance, checker, test_limit_s = _read_judging(message, field)
    return StdioTests(
        cases=cases,
        comparison=_comparison(message.comparison, _OF_STDIO, field),
        tolerance=tolerance,
        checker=checker,
        test_limit_s=test_limit_s,
    )


def _read_judging(
    message: problem_pb2.CallTests | problem_pb2.StdioTests, field: str
) -> tuple[Tolerance | None, str, float | None]:
    """Tolerance, checker and limit per test."""
    tolerance = None
    if message.HasField("tolerance"):
        tolerance = Tolerance(message.tolerance.absolute, message.tolerance.relative)
        for name, value in (("absolute", tolerance.absolute), ("relative", tolerance.relative)):
            if not 0 <= value < math.inf:  # written so that NaN is refused too
                raise invalid(f"{field}.tolerance.{name}", f"{value} is not a finite number of at least 0")
    if not 0 <= message.test_limit_s < math.inf:
        raise invalid(f"{field}.test_limit_s", f"{message.test_limit_s} is not a finite number of at least 0")
    _require_python(message.checker, f"{field}.checker")
    return tolerance, message.checker, message.test_limit_s or None


def _read_asserts(message: problem_pb2.AssertTests, field: str) -> AssertTests:
    _require(message.source, f"{field}.source", "hold the test code")
    _require(message.entry_point, f"{field}.entry_point", "name what is tested")
    for part in ("source", "setup"):
        _require_python(getattr(message, part), f"{field}.{part}")
    return AssertTests(message.source, message.entry_point, message.check, message.setup)


def _require_python(source: str, field: str) -> None:
    try:
        compile(source, "<tests>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise invalid(field, f"is not Python ({type(error).__name__}: {error})") from None


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
    """The most recently read tests by content, so that programs of one problem share one object.""" ""

    def __init__(self, capacity: int = 512) -> None:
        self._read = LruCache[bytes, Tests](capacity)

    def read(self, message: problem_pb2.Tests, field: str) -> tuple[Tests, bytes]:
        """The tests and the digest of their message; ``CallError`` as ``read_tests``."""
        digest = hashlib.sha256(message.SerializeToString(deterministic=True)).digest()
        return self._read.get_or_make(digest, lambda: read_tests(message, field)), digest


def read_problem(message: problem_pb2.Problem) -> Problem:
    """A problem to render. It has no tests and no solutions."""
    return Problem(
        id=message.id,
        statement=message.statement,
        tests=_NO_TESTS,
        prompt=message.prompt,
        starter_code=message.starter_code,
        preamble=message.preamble,
        meta={"examples": list(message.examples)} if message.examples else {},
    )


def render_problem(problem: Problem, template: PromptTemplate, tokenizer: Any, field: str) -> Prompt:
    """The rendered prompt; ``CallError`` if this tokenizer cannot use the template."""
    try:
        return render(problem, template, tokenizer)
    except InputError as error:
        raise invalid(field, str(error)) from None


def read_prompt(message: problem_pb2.Prompt, field: str) -> Prompt:
    """The prompt; ``CallError`` unless its text ends in ``given``."""
    if not message.text.endswith(message.given):
        raise invalid(
            f"{field}.given", "is not the end of the prompt's text; the text must end in the beginning of the program"
        )
    control: Spans = ((0, len(message.text) - len(message.given)),)
    if message.HasField("control"):
        control = read_control(message.control, len(message.text), f"{field}.control")
    return Prompt(message.text, message.given, message.closing, control)


def read_control(message: problem_pb2.ControlText, length: int, field: str) -> Spans:
    """The spans; ``CallError`` unless they lie in the text and are in order."""
    spans = tuple((span.start, span.end) for span in message.spans)
    borders = [border for span in spans for border in span]
    if borders != sorted(borders) or (borders and borders[-1] > length):
        raise invalid(f"{field}.spans", f"are not in order within a text of {length} characters; count code points")
    return spans


def write_control(spans: Spans) -> problem_pb2.ControlText:
    """The message."""
    return problem_pb2.ControlText(spans=[problem_pb2.ControlSpan(start=start, end=end) for start, end in spans])


def write_input(text: str | ModelInput) -> tuple[str, problem_pb2.ControlText | None]:
    """The text of a prompt that is completed as it is, and where control tokens are read in it."""
    return (text, None) if isinstance(text, str) else (text.text, write_control(text.control))


def write_prompt(prompt: Prompt) -> problem_pb2.Prompt:
    """The message."""
    return problem_pb2.Prompt(
        text=prompt.text, given=prompt.given, closing=prompt.closing, control=write_control(prompt.control)
    )
