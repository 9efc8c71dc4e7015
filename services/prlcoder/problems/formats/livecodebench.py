"""LiveCodeBench, code generation (livecodebench/code_generation_lite): contest problems with their publication day.

The tests are the public tests followed by the private tests, as in the benchmark. There are no solutions. The split is
``test``, because this is an evaluation set. Programs run after the imports that the benchmark's harness makes.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from prlcoder.problems import json_text
from prlcoder.problems.formats.apps import nested_object, starter_text
from prlcoder.problems.formats.inputs_outputs import entry_point
from prlcoder.problems.formats.private_tests import PackedError, unpack
from prlcoder.problems.formats.record import FieldError, Record, described
from prlcoder.problems.formats.registry import Format
from prlcoder.problems.model import CallTest, CallTests, Comparison, Problem, StdioTest, StdioTests, Tests

_PREAMBLE_MODULES = (
    "string",
    "re",
    "datetime",
    "collections",
    "heapq",
    "bisect",
    "copy",
    "math",
    "random",
    "statistics",
    "itertools",
    "functools",
    "operator",
    "io",
    "sys",
    "json",
)
# The order matters, because each star import shadows names of the earlier ones (`pow` is that of `operator`).
PREAMBLE = (
    "".join(f"from {module} import *\n" for module in (*_PREAMBLE_MODULES, "builtins", "typing"))
    + "".join(f"import {module}\n" for module in _PREAMBLE_MODULES)
    + "sys.setrecursionlimit(50000)\nsys.set_int_max_str_digits(50000)\n"
)
TEST_LIMIT_S = 6.0  # of the benchmark's harness
_META_FIELDS = ("question_title", "platform", "contest_id", "contest_date")


def parse(record: Record) -> Problem:
    """A problem from one line of ``test*.jsonl``."""
    day = record.filled("contest_date")
    try:
        date.fromisoformat(day[:10])
    except ValueError:
        raise FieldError(record.name("contest_date"), f"{day[:40]!r} is not a date", "write it as 2024-08-31") from None
    function = Record(nested_object(record, "metadata"), record.name("metadata")).text("func_name", "")
    starter = starter_text(record)
    return Problem(
        id=record.filled("question_id"),
        statement=record.filled("question_content"),
        tests=_tests(record, function),
        starter_code=starter,
        preamble=PREAMBLE,
        difficulty=record.filled("difficulty").lower(),
        split="test",
        source="livecodebench",
        meta=record.chosen(_META_FIELDS),
    )


def _tests(record: Record, function: str) -> Tests:
    public = _cases(record.nested("public_test_cases"), record.name("public_test_cases"))
    private = _cases(_private(record), record.name("private_test_cases"))
    cases = public + private
    for case in cases:
        case.refuse_judging({"input", "output", "testtype"})
    if not cases:
        raise FieldError("public_test_cases", "is empty", "a problem needs at least one test")
    kinds = {case.text("testtype") for case in cases}
    if kinds == {"functional"}:
        if not function.isidentifier():
            raise FieldError("metadata.func_name", f"{function[:60]!r} is not a function's name")
        return CallTests(entry_point(function), tuple(map(_call, cases)), Comparison.SHALLOW, test_limit_s=TEST_LIMIT_S)
    if kinds == {"stdin"}:
        pairs = tuple(StdioTest(case.text("input"), case.text("output")) for case in cases)
        return StdioTests(pairs, Comparison.DECIMALS, test_limit_s=TEST_LIMIT_S)
    found = ", ".join(sorted(kinds))
    raise FieldError(cases[0].name("testtype"), f"{found[:60]!r}", "tests are all `stdin` or all `functional`")


def _private(record: Record) -> Any:
    """The private tests, packed or not. A packed pickle contains JSON text."""
    field = "private_test_cases"
    text = record.text(field, "[]") or "[]"
    if text.lstrip()[:1] == "[":
        return record.nested(field, [])
    try:
        value = unpack(text)
        return json_text.decode(value) if isinstance(value, str) else value
    except (PackedError, json_text.JsonError) as error:
        raise FieldError(record.name(field), str(error)) from None


def _cases(value: Any, field: str) -> list[Record]:
    if not isinstance(value, list):
        raise FieldError(field, f"a list of tests was expected, not {described(value)}")
    return Record({field: value}).records(field)


def _call(case: Record) -> CallTest:
    """One call: the arguments are JSON values, one per line, and the answer is one JSON value."""
    field = "input"
    try:
        arguments = tuple(json_text.decode(line) for line in case.text(field).split("\n"))
        field = "output"
        return CallTest(arguments, {}, json_text.decode(case.text(field)))
    except json_text.JsonError as error:
        raise FieldError(case.name(field), f"not JSON ({error})") from None


FORMAT = Format(
    name="livecodebench",
    signatures=(frozenset({"question_id", "question_content", "public_test_cases", "private_test_cases"}),),
    fields=frozenset({*_META_FIELDS, "starter_code", "difficulty", "metadata"}),
    id_field="question_id",
    solution_field="solutions",
    parse=parse,
)
