"""HumanEval-ET (CodeScore's extended tests): HumanEval with further asserts in ``test_case_list``.

The tests are the asserts of the list and then the original ``check``, if the record has both.
"""

from __future__ import annotations

import re

from prlcoder.problems.formats.humaneval import check_test_code
from prlcoder.problems.formats.record import FieldError, Record, check_compiles
from prlcoder.problems.formats.registry import Format
from prlcoder.problems.model import AssertTests, Problem

_ASSERT = re.compile(r"\s*assert\b")


def parse(record: Record) -> Problem:
    """A problem from one line of ``HumanEval_ET.jsonl``."""
    prompt = record.filled("prompt")
    entry_point = record.filled("entry_point")
    asserts = record.texts("test_case_list")
    if not asserts:
        raise FieldError("test_case_list", "is empty", "a problem needs at least one test")
    source = "\n".join(text if _ASSERT.match(text) else f"assert {text}" for text in asserts) + "\n"
    check_compiles(source, "test_case_list")
    if record.has("test"):
        source += f"\n{check_test_code(record)}\ncheck({entry_point})\n"
    return Problem(
        id=record.filled("task_id"),
        statement=prompt,
        tests=AssertTests(source=source, entry_point=entry_point, check=False),
        solutions=(prompt + record.filled("canonical_solution"),),
        prompt=prompt,
        split="test",
        source="humaneval-et",
    )


FORMAT = Format(
    name="humaneval-et",
    signatures=(
        frozenset({"task_id", "prompt", "canonical_solution", "entry_point", "test_case_list"}),
        frozenset({"task_id", "prompt", "canonical_solution", "entry_point", "test_case_list", "test"}),
    ),
    id_field="task_id",
    solution_field="canonical_solution",
    parse=parse,
)
