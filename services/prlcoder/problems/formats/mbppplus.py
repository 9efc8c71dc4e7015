"""MBPP+ (EvalPlus): MBPP's sanitized tasks with many more tests, from the hub or in EvalPlus's own file.

The hub's table has test code in ``test``, which contains the tests of ``test_list``. The own file has inputs only;
the expected results are those of the canonical solution (``evalplus_inputs``). Its ids are ``Mbpp/2``; on the hub they
are numbers.
"""

from __future__ import annotations

from prlcoder.problems.formats.evalplus_code import published_calls
from prlcoder.problems.formats.evalplus_inputs import OWN_FIELDS, oracle_tests
from prlcoder.problems.formats.mbpp import function_under_test, setup_code
from prlcoder.problems.formats.mbpp_inputs import typed_arguments
from prlcoder.problems.formats.record import Record, check_compiles
from prlcoder.problems.formats.registry import Format
from prlcoder.problems.model import AssertTests, Problem


def parse(record: Record) -> Problem:
    """A problem from a row of evalplus/mbppplus or a line of ``MbppPlus.jsonl``. Its split is ``test``."""
    return _parse_own_file(record) if record.has("base_input") else _parse_table(record)


def _parse_own_file(record: Record) -> Problem:
    prompt = record.filled("prompt")
    solution = prompt + record.filled("canonical_solution")
    id = record.filled("task_id")
    task = id.rsplit("/", 1)[-1]
    return Problem(
        id=id,
        statement=prompt,
        tests=oracle_tests(record, solution, lambda arguments: typed_arguments(task, arguments)),
        solutions=(solution,),
        prompt=prompt,
        split="test",
        source="mbppplus",
    )


def _parse_table(record: Record) -> Problem:
    code = record.filled("code")
    asserts = record.texts("test_list")
    function = function_under_test(code, asserts)
    test = record.filled("test")
    check_compiles(test, "test")
    return Problem(
        id=str(record.integer("task_id")),
        statement=record.filled("prompt" if record.has("prompt") else "text"),
        tests=published_calls(test, function, function)
        or AssertTests(source=test, entry_point=function, check=False, setup=setup_code(record)),
        solutions=(code,),
        split="test",
        source="mbppplus",
        meta={"examples": asserts},
    )


FORMAT = Format(
    name="mbppplus",
    signatures=(
        frozenset({"task_id", "prompt", "code", "test_list", "test_imports", "test"}),
        frozenset({"task_id", "text", "code", "test_list", "test"}),
        OWN_FIELDS | {"assertion"},
    ),
    fields=frozenset({"source_file", "test_setup_code", "challenge_test_list", "contract", "atol"}),
    id_field="task_id",
    solution_field="code",
    parse=parse,
)
