"""HumanEval+ (EvalPlus): HumanEval with many more tests, in EvalPlus's own file or from the hub.

The own file has inputs only (``base_input`` and ``plus_input``); the expected results are those of the canonical
solution (``evalplus_inputs``). Its ``test``, where there is one, is HumanEval's and is contained in ``base_input``. The
hub's table has the fields of HumanEval and is recognised by its test code.
"""

from __future__ import annotations

from prlcoder.problems.formats import humaneval
from prlcoder.problems.formats.evalplus_inputs import OWN_FIELDS, oracle_tests
from prlcoder.problems.formats.record import Record
from prlcoder.problems.formats.registry import Format
from prlcoder.problems.model import Problem


def parse(record: Record) -> Problem:
    """A problem from a line of ``HumanEvalPlus.jsonl`` or a row of evalplus/humanevalplus. Its split is ``test``."""
    if not record.has("base_input"):
        return humaneval.parse(record)
    prompt = record.filled("prompt")
    solution = prompt + record.filled("canonical_solution")
    return Problem(
        id=record.filled("task_id"),
        statement=prompt,
        tests=oracle_tests(record, solution, tuple),
        solutions=(solution,),
        prompt=prompt,
        split="test",
        source="humanevalplus",
    )


FORMAT = Format(
    name="humanevalplus",
    signatures=(OWN_FIELDS, OWN_FIELDS | {"test"}),
    fields=frozenset({"contract", "atol", "test"}),
    id_field="task_id",
    solution_field="canonical_solution",
    parse=parse,
)
