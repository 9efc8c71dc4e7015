"""MBPP sanitized (google-research/mbpp, ``sanitized-mbpp.json``): 427 tasks with revised statements.

The statement is in ``prompt``. ``test_imports`` runs before the asserts.
"""

from __future__ import annotations

from prlcoder.problems.formats.mbpp import assert_tests, published_split
from prlcoder.problems.formats.record import Record
from prlcoder.problems.formats.registry import Format
from prlcoder.problems.model import Problem


def parse(record: Record) -> Problem:
    """A problem from one record of ``sanitized-mbpp.json``."""
    task = record.integer("task_id")
    code = record.filled("code")
    return Problem(
        id=str(task),
        statement=record.filled("prompt"),
        tests=assert_tests(record, code),
        solutions=(code,),
        split=published_split(task),
        source="mbpp-sanitized",
        meta={"examples": record.texts("test_list")},
    )


FORMAT = Format(
    name="mbpp-sanitized",
    signatures=(frozenset({"task_id", "prompt", "code", "test_imports", "test_list"}),),
    fields=frozenset({"source_file", "test_setup_code", "challenge_test_list"}),
    id_field="task_id",
    solution_field="code",
    parse=parse,
)
