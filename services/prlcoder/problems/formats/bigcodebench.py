"""BigCodeBench: functions that use many libraries, tested by a ``unittest.TestCase`` named ``TestCases``.

The prompt is ``complete_prompt``. As in the benchmark's calibrated mode, the imports of ``code_prompt`` run before
every program, so that a program may rely on them.
"""

from __future__ import annotations

import ast

from prlcoder.problems.formats.record import FieldError, Record, check_compiles, parsed
from prlcoder.problems.formats.registry import Format
from prlcoder.problems.formats.test_code import unittest_call
from prlcoder.problems.model import AssertTests, Problem


def parse(record: Record) -> Problem:
    """A problem from one row of bigcode/bigcodebench. Its split is ``test``, because this is an evaluation set."""
    prompt = record.filled("complete_prompt" if record.has("complete_prompt") else "prompt")
    test = record.filled("test")
    check_compiles(test, "test")
    if "class TestCases" not in test:
        raise FieldError("test", "defines no class `TestCases`", "the tests are a unittest.TestCase of that name")
    return Problem(
        id=record.filled("task_id"),
        statement=prompt,
        tests=AssertTests(
            source=f"{test}\n{unittest_call('TestCases')}\n", entry_point=record.filled("entry_point"), check=False
        ),
        solutions=(prompt + record.filled("canonical_solution"),),
        prompt=prompt,
        preamble=_preamble(record),
        split="test",
        source="bigcodebench",
        meta=record.chosen(("instruct_prompt", "libs")),
    )


def _preamble(record: Record) -> str:
    """The code of ``code_prompt`` before the function's header (imports and constants); empty if there is none.

    The header itself is left out: the tests would call the empty function instead of the program's.
    """
    code = record.text("code_prompt", "").rstrip()
    if not code:
        return ""
    tree = parsed(f"{code}\n    pass\n", "code_prompt")
    function = record.filled("entry_point")
    kept = [node for node in tree.body if not (isinstance(node, ast.FunctionDef) and node.name == function)]
    return "".join(f"{ast.unparse(node)}\n" for node in kept)


_COMMON = frozenset({"task_id", "canonical_solution", "test", "entry_point"})

FORMAT = Format(
    name="bigcodebench",
    signatures=(_COMMON | {"complete_prompt"}, _COMMON | {"prompt", "code_prompt"}),
    fields=frozenset({"instruct_prompt", "code_prompt", "doc_struct", "libs"}),
    id_field="task_id",
    solution_field="canonical_solution",
    parse=parse,
)
