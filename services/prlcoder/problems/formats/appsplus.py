"""APPS+ (Ablustrund/APPS_Plus, the data of StepCoder and of PRLCoder's paper): one canonical solution per problem.

Its authors describe the fields (statement, canonical solution, function name, inputs and outputs, starter code, and
in version 1 the positions of statement blocks) but not their spelling. So each field is read under any of the names
that published files and their readers use. All other fields go to ``meta``.
"""

from __future__ import annotations

from typing import Any

from prlcoder.problems.formats.apps import identity, nested_object, solution_texts, starter_text
from prlcoder.problems.formats.inputs_outputs import PREAMBLE, parse_tests
from prlcoder.problems.formats.record import FieldError, Record, described
from prlcoder.problems.formats.registry import Format
from prlcoder.problems.model import Problem

_IDS = ("problem_id", "id", "task_id", "name")
_STATEMENTS = ("question", "problem_description", "description", "problem", "prompt")
_SOLUTIONS = ("canonical_solution", "solution", "solutions")
_FUNCTIONS = ("fn_name", "function_name", "entry_point")
_LEVELS = ("difficulty", "level")
_TESTS = ("inputs", "outputs", "input_output")
_READ_FIELDS = frozenset((*_IDS, *_STATEMENTS, *_SOLUTIONS, *_FUNCTIONS, *_LEVELS, *_TESTS, "starter_code"))


def parse(record: Record) -> Problem:
    """A problem from one record of ``data.json``."""
    tests = record
    if not record.has("inputs"):
        tests = Record(nested_object(record, "input_output"), record.name("input_output"))
        tests.refuse_judging({"inputs", "outputs", *_FUNCTIONS})
    solutions = _solutions(record)
    starter = starter_text(record)
    function = _first(tests, _FUNCTIONS) or _first(record, _FUNCTIONS)
    return Problem(
        id=identity(record, _present(record, _IDS)),
        statement=record.filled(_present(record, _STATEMENTS)),
        tests=parse_tests(tests, function),
        solutions=solutions,
        starter_code=starter,
        preamble=PREAMBLE,
        difficulty=_first(record, _LEVELS).lower() or None,
        source="appsplus",
        meta=record.others(_READ_FIELDS),
    )


def _solutions(record: Record) -> tuple[str, ...]:
    field = _present(record, _SOLUTIONS)
    value: Any = record.chosen((field,))[field]
    if isinstance(value, str) and value.lstrip().startswith("["):  # a list as JSON text
        return tuple(solution_texts(record, field))
    if isinstance(value, str):
        return (record.filled(field),)
    if not isinstance(value, list) or not value:
        raise FieldError(record.name(field), f"a program or a list of them was expected, not {described(value)}")
    return tuple(record.texts(field))


def _present(record: Record, names: tuple[str, ...]) -> str:
    """The first of ``names`` that the record has; ``FieldError`` with all names if it has none of them."""
    for name in names:
        if record.has(name):
            return name
    raise FieldError(record.name(names[0]), "missing", f"also looked for: {', '.join(names[1:])}")


def _first(record: Record, names: tuple[str, ...]) -> str:
    return next((record.text(name) for name in names if record.has(name)), "")


FORMAT = Format(
    name="appsplus",
    signatures=(frozenset({"inputs", "outputs"}), frozenset({"canonical_solution", "input_output"})),
    fields=_READ_FIELDS,
    id_field="problem_id",
    solution_field="canonical_solution",
    parse=parse,
)
