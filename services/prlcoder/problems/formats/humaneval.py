"""HumanEval (openai/human-eval): a signature with a docstring to complete, and tests as ``check(candidate)``.

The prompt is also the statement. A solution is the whole program, ``prompt + canonical_solution``.
"""

from __future__ import annotations

from prlcoder.problems.formats.record import Record, check_compiles
from prlcoder.problems.formats.registry import Format
from prlcoder.problems.model import AssertTests, Problem


def parse(record: Record) -> Problem:
    """A problem from one line of ``HumanEval.jsonl``. Its split is ``test``, because this is an evaluation set."""
    prompt = record.filled("prompt")
    test = record.filled("test")
    check_compiles(test, "test")
    return Problem(
        id=record.filled("task_id"),
        statement=prompt,
        tests=AssertTests(source=test, entry_point=record.filled("entry_point"), check=True),
        solutions=(prompt + record.filled("canonical_solution"),),
        prompt=prompt,
        split="test",
        source="humaneval",
    )


FORMAT = Format(
    name="humaneval",
    signatures=(frozenset({"task_id", "prompt", "canonical_solution", "test", "entry_point"}),),
    id_field="task_id",
    solution_field="canonical_solution",
    parse=parse,
)
