"""LeetCodeDataset (newfacade/LeetCodeDataset): ``class Solution`` with a preamble of imports and node classes.

Its ``prompt`` is code that runs before every program (our ``preamble``), and its ``completion`` is the program. Newer
files have fields for the statement and the starter code; older files have them in ``meta`` and ``query``.
"""

from __future__ import annotations

import re

from prlcoder.problems.formats.record import Record, check_compiles
from prlcoder.problems.formats.registry import Format
from prlcoder.problems.model import AssertTests, Problem

_FENCE = re.compile(r"```(?:python)?[ \t]*\n(.*?)```", re.DOTALL)
_META_FIELDS = ("question_id", "tags", "estimated_date")


def parse(record: Record) -> Problem:
    """A problem from one line of a LeetCodeDataset file. ``response`` (a model's answer) is not used."""
    meta = record.record("meta") if record.has("meta") else Record({}, "meta")
    test = record.filled("test")
    check_compiles(test, "test")
    difficulty = record.text("difficulty", "") or meta.text("difficulty", "")
    return Problem(
        id=record.filled("task_id"),
        statement=_statement(record, meta),
        tests=AssertTests(source=test, entry_point=record.filled("entry_point"), check=True),
        solutions=(record.filled("completion"),),
        starter_code=_starter_code(record),
        preamble=record.text("prompt"),
        difficulty=difficulty.lower() or None,
        source="leetcode",
        meta={key: value for part in (meta, record) for key, value in part.chosen(_META_FIELDS).items()},
    )


def _statement(record: Record, meta: Record) -> str:
    """The problem text. ``question_title`` holds the whole text in spite of its name."""
    if record.has("problem_description"):
        return record.filled("problem_description")
    if meta.has("question_title"):
        return meta.filled("question_title")
    return _FENCE.sub("", record.filled("query")).strip()


def _starter_code(record: Record) -> str:
    """The interface to implement, from ``starter_code`` or from the only fenced block of the query."""
    code = record.text("starter_code", "")
    if not code and (fenced := _FENCE.search(record.text("query", ""))):
        code = fenced.group(1)
    return code.rstrip() + "\n" if code.strip() else ""


FORMAT = Format(
    name="leetcode",
    signatures=(frozenset({"task_id", "prompt", "completion", "entry_point", "test", "query"}),),
    # `input_output` has the same tests as `test`; `response` is a model's answer
    fields=frozenset(
        {*_META_FIELDS, "difficulty", "problem_description", "starter_code", "meta", "input_output", "response"}
    ),
    id_field="task_id",
    solution_field="completion",
    parse=parse,
)
