"""Verifiable coding problems for reinforcement learning: DeepCoder, SYNTHETIC-1, open-r1 and PrimeIntellect.

Two forms are published. DeepCoder and SYNTHETIC-1 have ``problem``, ``tests`` and ``solutions``; open-r1 and
PrimeIntellect have ``prompt``, ``verification_info`` and ``gold_standard_solution``. Tests are lists of objects, or
APPS's object of two lists. Solutions may be fenced. Records without an id get one that is made of their content.
"""

from __future__ import annotations

from typing import Any, Final

from prlcoder.problems.completions import fenced_program
from prlcoder.problems.formats.apps import identity, starter_text
from prlcoder.problems.formats.inputs_outputs import PREAMBLE, parse_tests, python_solutions
from prlcoder.problems.formats.record import FieldError, Record, content_id, described
from prlcoder.problems.formats.registry import Format
from prlcoder.problems.formats.test_lists import parse_test_list
from prlcoder.problems.json_text import JsonError, decode
from prlcoder.problems.literals import LiteralError
from prlcoder.problems.literals import decode as decode_literal
from prlcoder.problems.model import Problem, Tests

_ID_FIELDS: Final = ("problem_id", "id", "task_id", "question_id")


def parse(record: Record) -> Problem:
    """A problem from one row of either form."""
    return _parse_verification(record) if record.has("verification_info") else _parse_problem(record)


def _parse_problem(record: Record) -> Problem:
    """DeepCoder and SYNTHETIC-1."""
    statement = record.filled("problem" if record.has("problem") else "prompt")
    solutions, left_out = python_solutions(_solutions(record, "solutions"), "solutions")
    starter = starter_text(record)
    metadata = record.nested("metadata", {})
    function = metadata.get("func_name") if isinstance(metadata, dict) else None
    value = record.nested("tests")
    return Problem(
        id=_id(record, statement, value),
        statement=statement,
        tests=tests_of(value, function or "", "tests"),
        solutions=solutions,
        starter_code=starter,
        preamble=PREAMBLE,
        source="verifiable",
        meta={"not_python": left_out} if left_out else {},
    )


def _parse_verification(record: Record) -> Problem:
    """open-r1 and PrimeIntellect."""
    statement = record.filled("prompt" if record.has("prompt") else "problem")
    info = Record(_object(record, "verification_info"), "verification_info")
    language = info.text("language", "python").lower()
    if not language.startswith("python"):
        raise FieldError("verification_info.language", f"{language!r}", "only Python programs are supported")
    info.only(frozenset({"language", "test_cases"}))
    cases = info.items("test_cases")
    solutions, left_out = python_solutions(_solutions(record, "gold_standard_solution"), "gold_standard_solution")
    return Problem(
        id=_id(record, statement, cases),
        statement=statement,
        tests=tests_of(cases, "", "verification_info.test_cases"),
        solutions=solutions,
        preamble=PREAMBLE,
        source="verifiable",
        meta=record.chosen(("source", "task_type", "in_source_id")) | ({"not_python": left_out} if left_out else {}),
    )


def tests_of(value: Any, function: str, field: str) -> Tests:
    """Tests as a list of objects, or as APPS's object of two lists. ``function`` is the name if it stands elsewhere."""
    if isinstance(value, dict) and "inputs" in value:
        record = Record(value, field)
        record.only(frozenset({"inputs", "outputs", "fn_name"}))
        name = record.text("fn_name", "") or function
        return parse_tests(Record(_decoded_calls(value), field) if name else record, name)
    if not isinstance(value, list):
        raise FieldError(field, f"a list of tests was expected, not {described(value)}")
    return parse_test_list(Record({field: value}).records(field), function, field)


def _decoded_calls(tests: dict[str, Any]) -> dict[str, Any]:
    """The lists of calls. Where every input is text, it is JSON values, one per line, and so is the output."""
    inputs, outputs = tests.get("inputs"), tests.get("outputs")
    if not (isinstance(inputs, list) and isinstance(outputs, list) and all(isinstance(each, str) for each in inputs)):
        return tests
    try:
        return {
            "inputs": [[decode(line) for line in text.split("\n") if line.strip()] for text in inputs],
            "outputs": [decode(text) if isinstance(text, str) else text for text in outputs],
        }
    except JsonError:
        return tests


def _object(record: Record, field: str) -> dict[str, Any]:
    """An object, as JSON text, or as the text of a Python dict, which some copies hold."""
    value = record.chosen((field,)).get(field)
    if isinstance(value, str):
        try:
            value = record.nested(field)
        except FieldError as error:
            try:
                value = decode_literal(value)
            except LiteralError:
                raise error from None
    if not isinstance(value, dict):
        raise FieldError(record.name(field), f"an object was expected, not {described(value)}")
    return value


def _solutions(record: Record, field: str) -> list[str]:
    """Programs without their fences: one, a list of them, or a list as JSON text."""
    value = record.chosen((field,)).get(field)
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = record.nested(field, [])
    texts = [value] if isinstance(value, str) and value.strip() else value or []
    if not isinstance(texts, list):
        raise FieldError(field, f"a list of programs was expected, not {described(texts)}")
    return [fenced_program(text) for text in Record({field: texts}).texts(field)]


def _id(record: Record, statement: str, tests: Any) -> str:
    for field in _ID_FIELDS:
        if record.has(field):
            return identity(record, field)
    return content_id("verifiable", statement, tests)


FORMAT = Format(
    name="verifiable",
    signatures=(
        frozenset({"problem", "tests"}),
        frozenset({"prompt", "verification_info"}),
        frozenset({"problem", "verification_info"}),
    ),
    fields=frozenset({"starter_code", "solutions", "gold_standard_solution", "metadata", *_ID_FIELDS}),
    id_field="problem_id",
    solution_field="solutions",
    parse=parse,
)
