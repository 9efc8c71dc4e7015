"""APPS (hendrycks/apps): its folders, its table (codeparrot/apps), and MapCoder's selection of 150 problems.

Every solution in APPS is an accepted submission. Solutions that are not Python 3 are left out, and their indices are
stored in ``meta["not_python"]``. Programs run after the imports that APPS's own harness makes.
"""

from __future__ import annotations

from typing import Any, Final

from prlcoder.problems.formats.inputs_outputs import PREAMBLE, as_text, parse_tests, python_solutions, stdio_tests
from prlcoder.problems.formats.record import FieldError, Record, described
from prlcoder.problems.formats.registry import Format
from prlcoder.problems.model import Problem

TEST_LIMIT_S: Final = 4.0  # of APPS's harness and of TACO's


def parse(record: Record) -> Problem:
    """A problem from a row of the table (a folder is read as a row), or from a row of MapCoder's selection."""
    return _parse_selection(record) if record.has("test_list") else _parse_row(record)


def _parse_row(record: Record) -> Problem:
    return inputs_outputs_problem(record, identity(record, "problem_id"), "apps", ("url",))


def inputs_outputs_problem(record: Record, id: str, source: str, meta_fields: tuple[str, ...]) -> Problem:
    """A problem whose fields are named as in the table of APPS."""
    texts = solution_texts(record, "solutions")
    solutions, left_out = python_solutions(texts, record.name("solutions"))
    starter = starter_text(record)
    tests = Record(nested_object(record, "input_output"), record.name("input_output"))
    tests.refuse_judging({"inputs", "outputs", "fn_name"})
    return Problem(
        id=id,
        statement=record.filled("question"),
        tests=parse_tests(tests, tests.text("fn_name", ""), TEST_LIMIT_S),
        solutions=solutions,
        starter_code=starter,
        preamble=PREAMBLE,
        difficulty=record.text("difficulty", "").lower() or None,
        source=source,
        meta=record.chosen(meta_fields) | ({"not_python": left_out} if left_out else {}),
    )


def _parse_selection(record: Record) -> Problem:
    """A row of MapCoder's selection: all tests use standard input, and the expected output is a list."""
    tests = record.records("test_list")
    if not tests:
        raise FieldError("test_list", "is empty", "a problem needs at least one test")
    for test in tests:
        test.refuse_judging({"input", "output"})
    return Problem(
        id=identity(record, "id"),
        statement=record.filled("description"),
        tests=stdio_tests(
            [test.text("input") for test in tests],
            [as_text(test.items("output"), test.name("output")) for test in tests],
        ),
        starter_code=starter_text(record),
        preamble=PREAMBLE,
        difficulty=record.text("difficulty", "").lower() or None,
        source="apps",
    )


def identity(record: Record, field: str) -> str:
    """An id; it is a number in some copies of a data set and text in others."""
    value = record.chosen((field,)).get(field)
    if isinstance(value, int) and not isinstance(value, bool):
        return as_text(value, record.name(field))
    return record.filled(field)


def starter_text(record: Record) -> str:
    """The starter code in whole lines; the published texts end inside an indentation."""
    code = record.text("starter_code", "").rstrip()
    return code + "\n" if code else ""


def solution_texts(record: Record, field: str) -> list[str]:
    """A list of programs, either as a list or as JSON text; empty if the field is empty."""
    value = record.nested(field, [])
    if not isinstance(value, list):
        raise FieldError(record.name(field), f"a list was expected, not {described(value)}")
    return Record({field: value}).texts(field)


def nested_object(record: Record, field: str) -> dict[str, Any]:
    """An object, either as an object or as JSON text."""
    value = record.nested(field)
    if not isinstance(value, dict):
        raise FieldError(record.name(field), f"an object was expected, not {described(value)}")
    return value


FORMAT = Format(
    name="apps",
    signatures=(
        frozenset({"question", "input_output", "solutions"}),
        frozenset({"description", "test_list", "sample_io"}),
    ),
    fields=frozenset({"problem_id", "id", "starter_code", "difficulty", "url"}),
    id_field="problem_id",
    solution_field="solutions",
    parse=parse,
)
