"""CodeContests (deepmind/code_contests): contest problems with public, private and generated tests.

All three sets are the tests. Solutions in other languages than Python 3 are left out. Many of these problems accept
several outputs; a record may bring a ``checker`` (Python source as in the ``prlcoder`` format), which then decides. The
contest's time limit is meant for C++ and is not applied; it is stored in ``meta``.
"""

from __future__ import annotations

import re
from typing import Any, Final

from prlcoder.problems.formats.inputs_outputs import python_solutions
from prlcoder.problems.formats.own_tests import parse_checker
from prlcoder.problems.formats.record import FieldError, Record, described
from prlcoder.problems.formats.registry import Format
from prlcoder.problems.model import Comparison, Problem, StdioTest, StdioTests

_DECIMAL: Final = re.compile(r"[-+]?\d*\.\d+(?:[eE][-+]?\d+)?")
_TEST_FIELDS: Final = ("public_tests", "private_tests", "generated_tests")
_PYTHON_3: Final = (3, "PYTHON3")
_META_FIELDS: Final = (
    "source",
    "cf_contest_id",
    "cf_index",
    "cf_rating",
    "cf_tags",
    "time_limit",
    "memory_limit_bytes",
)


def parse(record: Record) -> Problem:
    """A problem from one row of CodeContests."""
    for field in ("input_file", "output_file"):
        if record.text(field, ""):
            raise FieldError(field, "the problem uses a named file", "only standard input and output are supported")
    solutions, left_out = python_solutions(_solutions(record), "solutions")
    return Problem(
        id=record.filled("name"),
        statement=record.filled("description"),
        tests=_tests(record),
        solutions=solutions,
        difficulty=_difficulty(record),
        source="codecontests",
        meta=record.chosen(_META_FIELDS) | ({"not_python": left_out} if left_out else {}),
    )


def _tests(record: Record) -> StdioTests:
    inputs: list[str] = []
    outputs: list[str] = []
    for field in _TEST_FIELDS:
        for stdin, expected in _pairs(record, field):
            inputs.append(stdin)
            outputs.append(expected)
    if not inputs:
        raise FieldError("public_tests", "is empty", "a problem needs at least one test")
    cases = tuple(StdioTest(stdin, expected) for stdin, expected in zip(inputs, outputs, strict=True))
    checker = parse_checker(record)
    if checker:
        return StdioTests(cases, checker=checker)
    has_decimals = any(_DECIMAL.fullmatch(token) for expected in outputs for token in expected.split())
    return StdioTests(cases, Comparison.FLOATS if has_decimals else Comparison.TOKENS)


def _pairs(record: Record, field: str) -> list[tuple[str, str]]:
    """The tests of one set: an object with two lists, or a list of objects."""
    if not record.has(field):
        return []
    if isinstance(record.chosen((field,))[field], list):
        cases = record.records(field)
        for case in cases:
            case.refuse_judging({"input", "output"})
        return [(case.text("input"), case.text("output")) for case in cases]
    tests = record.record(field)
    tests.refuse_judging({"input", "output"})
    inputs, outputs = tests.texts("input", []), tests.texts("output", [])
    if len(inputs) != len(outputs):
        raise FieldError(tests.name("output"), f"{len(outputs)} outputs for {len(inputs)} inputs")
    return list(zip(inputs, outputs, strict=True))


def _solutions(record: Record) -> list[str]:
    """The Python 3 solutions: an object with two lists, or a list of objects."""
    if not record.has("solutions"):
        return []
    value = record.chosen(("solutions",))["solutions"]
    if isinstance(value, list):
        pairs: list[tuple[Any, str]] = [
            (each.chosen(("language",)).get("language"), each.text("solution")) for each in record.records("solutions")
        ]
    elif isinstance(value, dict):
        lists = record.record("solutions")
        pairs = list(zip(lists.items("language"), lists.texts("solution"), strict=False))
    else:
        raise FieldError("solutions", f"an object or a list was expected, not {described(value)}")
    return [text for language, text in pairs if language in _PYTHON_3]


def _difficulty(record: Record) -> str | None:
    value = record.chosen(("difficulty",)).get("difficulty")
    return None if value is None else str(value).lower()


FORMAT = Format(
    name="codecontests",
    signatures=(frozenset({"name", "description", "public_tests", "private_tests", "generated_tests"}),),
    fields=frozenset(
        {
            "solutions",
            "incorrect_solutions",
            "difficulty",
            "checker",
            "input_file",
            "output_file",
            "untranslated_description",
            "is_description_translated",
            *_META_FIELDS,
        }
    ),
    id_field="name",
    solution_field="solutions",
    parse=parse,
)
