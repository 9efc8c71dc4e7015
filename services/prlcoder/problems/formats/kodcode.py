"""KodCode (KodCode/KodCode-V1): a question, a solution and pytest functions that import the solution.

``from solution import f`` is removed, because the tests run beside the program and resolve its names. Tests that use
fixtures are refused.
"""

from __future__ import annotations

from prlcoder.problems.formats.apps import identity
from prlcoder.problems.formats.record import FieldError, Record
from prlcoder.problems.formats.registry import Format
from prlcoder.problems.formats.test_code import pytest_statements
from prlcoder.problems.model import AssertTests, Problem


def parse(record: Record) -> Problem:
    """A problem from one row of KodCode."""
    source, imported = pytest_statements(record.filled("test"), "test")
    tested = _tested_function(record) or next(iter(imported), "")
    if not tested:
        raise FieldError("test", "does not say which function it tests", "import it with `from solution import NAME`")
    return Problem(
        id=identity(record, "question_id"),
        statement=record.filled("question"),
        tests=AssertTests(source=source, entry_point=tested, check=False),
        solutions=(record.filled("solution"),),
        difficulty=record.text("gpt_difficulty", "").lower() or None,
        source="kodcode",
        meta=record.chosen(("style", "subset")),
    )


def _tested_function(record: Record) -> str:
    """The first function name in ``test_info``, which is an object or a list of objects."""
    found = record.chosen(("test_info",)).get("test_info")
    for info in found if isinstance(found, list) else [found]:
        if isinstance(info, dict) and isinstance(info.get("function_name"), str):
            return str(info["function_name"])
    return ""


FORMAT = Format(
    name="kodcode",
    signatures=(frozenset({"question_id", "question", "solution", "test"}),),
    fields=frozenset({"test_info", "gpt_difficulty", "style", "subset"}),
    id_field="question_id",
    solution_field="solution",
    parse=parse,
)
