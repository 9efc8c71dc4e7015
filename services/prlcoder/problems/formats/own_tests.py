"""The ``tests`` object of the ``prlcoder`` format. ``encode_tests`` and ``parse_tests`` are exact inverses."""

from __future__ import annotations

import ast
import math
from typing import Any, Final

from prlcoder.problems.formats.record import FieldError, Record, check_compiles, parsed
from prlcoder.problems.literals import LiteralError, decode, decode_arguments, encode_arguments
from prlcoder.problems.literals import encode as encode_literal
from prlcoder.problems.model import (
    AssertTests,
    CallTest,
    CallTests,
    Comparison,
    StdioTest,
    StdioTests,
    Tests,
    Tolerance,
)

_STDIO_COMPARISONS: Final = (
    Comparison.EXACT,
    Comparison.LINES,
    Comparison.TOKENS,
    Comparison.DECIMALS,
    Comparison.FLOATS,
    Comparison.APPS,
)
_CALL_COMPARISONS: Final = (
    Comparison.VALUE,
    Comparison.STRICT,
    Comparison.SHALLOW,
    Comparison.FLOATS,
    Comparison.APPS,
    Comparison.EVALPLUS,
)
_CALL_FLOATS: Final = Tolerance(absolute=1e-6, relative=1e-6)  # the meaning of `floats` for calls
_ASSERT_FIELDS: Final = frozenset({"kind", "entry_point", "check", "source", "setup"})
_JUDGING_FIELDS: Final = frozenset({"comparison", "tolerance", "checker", "test_limit_s"})
_STDIO_FIELDS: Final = frozenset({"kind", "cases"}) | _JUDGING_FIELDS
_CALL_FIELDS: Final = _STDIO_FIELDS | {"entry_point", "oracle"}


def encode_tests(tests: Tests) -> dict[str, Any]:
    """Tests as a JSON object; its ``kind`` says which of the three kinds they are."""
    if isinstance(tests, AssertTests):
        return {
            "kind": "asserts",
            "entry_point": tests.entry_point,
            "check": tests.check,
            "source": tests.source,
            "setup": tests.setup,
        }
    if isinstance(tests, StdioTests):
        runs = [{"input": case.stdin, "output": case.expected} for case in tests.cases]
        return {"kind": "stdio", **_encode_judging(tests), "cases": runs}
    oracle = {"oracle": tests.oracle} if tests.oracle else {}
    calls = [
        {"input": encode_arguments(case.args, case.kwargs)}
        | ({} if tests.oracle else {"output": encode_literal(case.expected)})
        for case in tests.cases
    ]
    return {"kind": "calls", "entry_point": tests.entry_point, **_encode_judging(tests), **oracle, "cases": calls}


def _encode_judging(tests: CallTests | StdioTests) -> dict[str, Any]:
    """How answers are judged; options that are not used are left out."""
    options: dict[str, Any] = {"checker": tests.checker} if tests.checker else {"comparison": tests.comparison.value}
    if tests.tolerance is not None:
        options["tolerance"] = {"absolute": tests.tolerance.absolute, "relative": tests.tolerance.relative}
    if tests.test_limit_s is not None:
        options["test_limit_s"] = tests.test_limit_s
    return options


def parse_tests(record: Record) -> Tests:
    """The inverse of ``encode_tests``."""
    kind = record.text("kind")
    if kind == "asserts":
        return _parse_asserts(record)
    if kind == "stdio":
        return _parse_stdio(record)
    if kind == "calls":
        return _parse_calls(record)
    raise FieldError(record.name("kind"), f"{kind!r} is not a kind of tests", "write calls, stdio or asserts")


def _parse_asserts(record: Record) -> AssertTests:
    record.only(_ASSERT_FIELDS)
    source = record.filled("source")
    check_compiles(source, record.name("source"))
    return AssertTests(
        source=source,
        entry_point=record.filled("entry_point"),
        check=record.flag("check"),
        setup=record.text("setup", ""),
    )


def _parse_stdio(record: Record) -> StdioTests:
    record.only(_STDIO_FIELDS)
    checker = parse_checker(record)
    no_output = "" if checker else None
    return StdioTests(
        cases=tuple(StdioTest(case.text("input"), case.text("output", no_output)) for case in _cases(record)),
        comparison=_comparison(record, _STDIO_COMPARISONS, Comparison.LINES),
        tolerance=_tolerance(record),
        checker=checker,
        test_limit_s=_test_limit(record),
    )


def _parse_calls(record: Record) -> CallTests:
    record.only(_CALL_FIELDS)
    checker = parse_checker(record)
    comparison, tolerance = _comparison(record, _CALL_COMPARISONS, Comparison.VALUE), _tolerance(record)
    if comparison is Comparison.FLOATS:
        comparison, tolerance = Comparison.VALUE, tolerance or _CALL_FLOATS
    oracle = record.text("oracle", "")
    cases = _cases(record)
    if oracle:
        check_compiles(oracle, record.name("oracle"))
        given = next((case for case in cases if case.has("output")), None)
        if given is not None:
            raise FieldError(given.name("output"), "does not apply beside an oracle", "leave one of the two out")
    no_output = "None" if checker or oracle else None
    return CallTests(
        entry_point=record.filled("entry_point"),
        cases=tuple(_parse_call(case, no_output) for case in cases),
        comparison=comparison,
        tolerance=tolerance,
        checker=checker,
        test_limit_s=_test_limit(record),
        oracle=oracle,
    )


def _cases(record: Record) -> list[Record]:
    cases = record.records("cases")
    if not cases:
        raise FieldError(record.name("cases"), "is empty", "a problem needs at least one test")
    for case in cases:
        case.only(frozenset({"input", "output"}))
    return cases


def _parse_call(case: Record, no_output: str | None) -> CallTest:
    field = "input"
    try:
        args, kwargs = decode_arguments(case.text("input"))
        field = "output"
        return CallTest(args, kwargs, decode(case.text("output", no_output)))
    except LiteralError as error:
        raise FieldError(case.name(field), str(error)) from None


def _comparison(record: Record, allowed: tuple[Comparison, ...], default: Comparison) -> Comparison:
    name = record.text("comparison", default.value)
    if name not in allowed:
        choices = ", ".join(comparison.value for comparison in allowed)
        raise FieldError(record.name("comparison"), f"{name!r} does not apply here", f"write one of {choices}")
    return Comparison(name)


def _tolerance(record: Record) -> Tolerance | None:
    if not record.has("tolerance"):
        return None
    if record.text("comparison", "") == Comparison.EXACT:
        raise FieldError(record.name("tolerance"), "does not apply to `exact`", "leave one of the two out")
    fields = record.record("tolerance")
    fields.only(frozenset({"absolute", "relative"}))
    absolute, relative = fields.number("absolute", 0.0), fields.number("relative", 0.0)
    for name, value in (("absolute", absolute), ("relative", relative)):
        if not (math.isfinite(value) and value >= 0):
            raise FieldError(fields.name(name), f"{value} is not a tolerance", "write a number of at least 0")
    return Tolerance(absolute, relative)


def parse_checker(record: Record) -> str:
    """The checker's source, or an empty text. It must define a function ``check`` that takes two or three values."""
    source = record.text("checker", "")
    if not source:
        return ""
    field = record.name("checker")
    for other in ("comparison", "tolerance"):
        if record.has(other):
            raise FieldError(record.name(other), "does not apply beside a checker", "leave one of the two out")
    check_checker(source, field)
    return source


def check_checker(source: str, field: str) -> None:
    """Refuse a checker that is not Python or that defines no suitable ``check``; ``FieldError``."""
    check_compiles(source, field)
    takes = [
        _positional(node)
        for node in parsed(source, field).body
        if isinstance(node, ast.FunctionDef) and node.name == "check"
    ]
    if not takes:
        raise FieldError(field, "defines no function `check`", "define check(input, output, expected)")
    least, most = takes[-1]
    if least > 3 or most < 2:
        raise FieldError(field, f"`check` takes {most} values", "define check(input, output, expected)")


def _positional(function: ast.FunctionDef) -> tuple[int, float]:
    """The least and the largest number of positional values that the function takes."""
    named = len(function.args.posonlyargs) + len(function.args.args)
    return named - len(function.args.defaults), math.inf if function.args.vararg else named


def _test_limit(record: Record) -> float | None:
    if not record.has("test_limit_s"):
        return None
    seconds = record.number("test_limit_s")
    if not (math.isfinite(seconds) and seconds > 0):
        raise FieldError(record.name("test_limit_s"), f"{seconds} is not a limit", "write seconds above 0")
    return seconds
