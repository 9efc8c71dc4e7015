"""TACO (BAAI/TACO): APPS's form with the limits, the topics and the source of each problem.

Programs run as those of APPS do, which is what TACO's own harness does. ``time_limit`` and ``memory_limit`` are those
of the contest, often meant for C++; as in the harness they are not applied, but stored in ``meta``. Records of the hub
have no id: the id is made of the statement and the tests.
"""

from __future__ import annotations

from prlcoder.problems.formats.apps import identity, inputs_outputs_problem
from prlcoder.problems.formats.record import Record, content_id
from prlcoder.problems.formats.registry import Format
from prlcoder.problems.model import Problem

_META_FIELDS = ("url", "source", "time_limit", "memory_limit", "tags", "skill_types", "name")


def parse(record: Record) -> Problem:
    """A problem from one row of TACO."""
    id = _id(record)
    return inputs_outputs_problem(record, id, "taco", _META_FIELDS)


def _id(record: Record) -> str:
    for field in ("problem_id", "task_id", "id"):
        if record.has(field):
            return identity(record, field)
    return content_id("taco", record.filled("question"), record.nested("input_output"))


FORMAT = Format(
    name="taco",
    signatures=(
        frozenset({"question", "input_output", "solutions", "time_limit"}),
        frozenset({"question", "input_output", "solutions", "raw_tags"}),
        frozenset({"question", "input_output", "solutions", "skill_types"}),
    ),
    fields=frozenset({"problem_id", "task_id", "id", "starter_code", "difficulty", *_META_FIELDS}),
    id_field="problem_id",
    solution_field="solutions",
    parse=parse,
)
