"""The ``prlcoder`` format, as JSON Lines or Parquet: every field of a problem in readable form (docs/data.md).

``encode`` and ``parse`` are exact inverses. Unknown fields are refused, so that a misspelt one is not lost in silence.
"""

from __future__ import annotations

from typing import Any

from prlcoder.problems.formats.own_tests import encode_tests, parse_tests
from prlcoder.problems.formats.record import FieldError, Record
from prlcoder.problems.formats.registry import Format
from prlcoder.problems.model import Problem

FIELDS = (
    "id",
    "statement",
    "tests",
    "solutions",
    "prompt",
    "starter_code",
    "preamble",
    "difficulty",
    "split",
    "source",
    "meta",
)
_SPLITS = ("train", "validation", "test")


def encode(problem: Problem) -> dict[str, Any]:
    """The problem as a JSON object, all fields present."""
    return {
        "id": problem.id,
        "statement": problem.statement,
        "tests": encode_tests(problem.tests),
        "solutions": list(problem.solutions),
        "prompt": problem.prompt,
        "starter_code": problem.starter_code,
        "preamble": problem.preamble,
        "difficulty": problem.difficulty,
        "split": problem.split,
        "source": problem.source,
        "meta": problem.meta,
    }


def parse(record: Record) -> Problem:
    """The inverse of ``encode``; all but ``id``, ``statement`` and ``tests`` may be left out."""
    record.only(frozenset(FIELDS))
    split = record.text("split", "") or None
    if split is not None and split not in _SPLITS:
        raise FieldError("split", f"{split!r} is not a split", f"write one of {', '.join(_SPLITS)}, or null")
    return Problem(
        id=record.filled("id"),
        statement=record.filled("statement"),
        tests=parse_tests(record.record("tests")),
        solutions=tuple(record.texts("solutions", [])),
        prompt=record.text("prompt", ""),
        starter_code=record.text("starter_code", ""),
        preamble=record.text("preamble", ""),
        difficulty=record.text("difficulty", "") or None,
        split=split,
        source=record.text("source", "prlcoder"),
        meta=record.mapping("meta", {}),
    )


FORMAT = Format(
    name="prlcoder",
    signatures=(frozenset({"id", "statement", "tests"}),),
    fields=frozenset(FIELDS),
    id_field="id",
    solution_field="solutions",
    parse=parse,
)
