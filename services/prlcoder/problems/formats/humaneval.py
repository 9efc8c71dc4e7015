"""HumanEval (openai/human-eval): a signature with a docstring to complete, and tests as ``check(candidate)``.

The prompt is also the statement. A solution is the whole program, ``prompt + canonical_solution``. HumanEval+ has the
same fields on the hub; its test code is recognised and read as ``humanevalplus`` reads it.
"""

from __future__ import annotations

import ast

from prlcoder.problems.formats.evalplus_code import published_calls
from prlcoder.problems.formats.record import FieldError, Record, check_compiles, parsed
from prlcoder.problems.formats.registry import Format
from prlcoder.problems.model import AssertTests, Problem


def parse(record: Record) -> Problem:
    """A problem from one line of ``HumanEval.jsonl``. Its split is ``test``, because this is an evaluation set."""
    prompt = record.filled("prompt")
    entry_point = record.filled("entry_point")
    test = check_test_code(record)
    plus = published_calls(test, entry_point, entry_point)
    return Problem(
        id=record.filled("task_id"),
        statement=prompt,
        tests=plus or AssertTests(source=test, entry_point=entry_point, check=True),
        solutions=(prompt + record.filled("canonical_solution"),),
        prompt=prompt,
        split="test",
        source="humanevalplus" if plus else "humaneval",
    )


def check_test_code(record: Record) -> str:
    """The test code, which must define ``check``; ``FieldError`` otherwise."""
    test = record.filled("test")
    check_compiles(test, "test")
    if "def check(" not in test:
        defined = {node.name for node in ast.walk(parsed(test, "test")) if isinstance(node, ast.FunctionDef)}
        if "check" not in defined:
            near = (
                "unittest code is read by the format bigcodebench" if "unittest" in test else "define check(candidate)"
            )
            raise FieldError("test", "defines no function `check`", near)
    return test


FORMAT = Format(
    name="humaneval",
    signatures=(frozenset({"task_id", "prompt", "canonical_solution", "test", "entry_point"}),),
    fields=frozenset({"example_test", "declaration"}),
    id_field="task_id",
    solution_field="canonical_solution",
    parse=parse,
)
