"""MBPP (google-research/mbpp): a sentence, a solution and three asserts. MBPP-ET has the same form and more asserts.

The published prompts show the asserts, because only they name the function. They are stored in ``meta["examples"]`` for
the prompt templates. ``challenge_test_list`` is not part of the benchmark's tests; it is stored in ``meta``.
"""

from __future__ import annotations

import ast

from prlcoder.problems.formats.record import FieldError, Record, check_compiles, parsed
from prlcoder.problems.formats.registry import Format
from prlcoder.problems.model import AssertTests, Problem


def parse(record: Record) -> Problem:
    """A problem from one line of ``mbpp.jsonl``."""
    task = record.integer("task_id")
    code = record.filled("code")
    challenges = record.texts("challenge_test_list", [])
    return Problem(
        id=str(task),
        statement=record.filled("text"),
        tests=assert_tests(record, code),
        solutions=(code,),
        split=published_split(task),
        source="mbpp",
        meta={"examples": record.texts("test_list")} | ({"challenge_test_list": challenges} if challenges else {}),
    )


def assert_tests(record: Record, code: str) -> AssertTests:
    """The asserts in ``test_list`` after the code in ``test_imports`` and ``test_setup_code``."""
    asserts = record.texts("test_list")
    if not asserts:
        raise FieldError("test_list", "is empty", "a problem needs at least one test")
    return AssertTests(
        source="\n".join(asserts),
        entry_point=function_under_test(code, asserts),
        check=False,
        setup=setup_code(record),
    )


def setup_code(record: Record) -> str:
    """The code that runs before the asserts."""
    parts = [*record.texts("test_imports", []), record.text("test_setup_code", "")]
    setup = "\n".join(part for part in parts if part.strip())
    check_compiles(setup, "test_imports" if record.has("test_imports") else "test_setup_code")
    return setup


def function_under_test(code: str, asserts: list[str]) -> str:
    """The first name that an assert calls and that the solution defines."""
    defined = {
        node.name
        for node in parsed(code, "code").body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    for index, text in enumerate(asserts):
        for node in ast.walk(parsed(text, f"test_list[{index}]")):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in defined:
                return node.func.id
    raise FieldError("test_list", "calls no function that the solution defines")


def published_split(task: int) -> str:
    """The split of Austin et al. (2021) by task id. Their few-shot examples, tasks 1 to 10, count as training data."""
    if 11 <= task <= 510:
        return "test"
    return "validation" if 511 <= task <= 600 else "train"


FORMAT = Format(
    name="mbpp",
    signatures=(frozenset({"task_id", "text", "code", "test_list"}),),
    fields=frozenset({"test_setup_code", "test_imports", "challenge_test_list"}),
    id_field="task_id",
    solution_field="code",
    parse=parse,
)
