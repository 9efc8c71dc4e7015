"""verl's rows (Parquet or JSON): ``prompt`` as messages and the tests in ``reward_model.ground_truth``.

The ground truth is text or an object in one of the forms that verl's reward functions for code read: a problem of the
``prlcoder`` format (``adapters.verl.ground_truth``), APPS's ``inputs`` and ``outputs``, a list of tests, Code-R1's
``functional`` or ``pytest`` code, or asserts (``assert_case``). The statement is the last message of the user.
"""

from __future__ import annotations

from typing import Any, Final

from prlcoder.problems.formats import own
from prlcoder.problems.formats.apps import starter_text
from prlcoder.problems.formats.inputs_outputs import PREAMBLE, entry_point
from prlcoder.problems.formats.record import FieldError, Record, check_compiles, content_id
from prlcoder.problems.formats.registry import Format
from prlcoder.problems.formats.test_code import pytest_statements
from prlcoder.problems.formats.test_lists import parse_assert_list
from prlcoder.problems.formats.verifiable import tests_of
from prlcoder.problems.model import AssertTests, Problem, Tests

_GROUND_TRUTH: Final = "reward_model.ground_truth"
# Fields of `extra_info` that rows of other tasks or of verl's own tools have; they repeat what stands elsewhere.
_EXTRA_FIELDS: Final = frozenset(
    {"answer", "answers", "input", "output", "question", "starter_code", "fn_name", "entry_point", "test_type"}
)
_ID_FIELDS: Final = ("task_id", "problem_id", "question_id", "id")


def parse(record: Record) -> Problem:
    """A problem from one row."""
    statement = _statement(record)
    reward = record.record("reward_model")
    truth = reward.nested("ground_truth")
    reward.refuse_judging({"ground_truth", "style"})
    extra = record.record("extra_info") if record.has("extra_info") else Record({}, "extra_info")
    extra.refuse_judging(_EXTRA_FIELDS)
    if isinstance(truth, dict) and isinstance(truth.get("tests"), dict) and "kind" in truth["tests"]:
        return own.parse(Record(truth, _GROUND_TRUTH))
    starter = starter_text(extra)
    return Problem(
        id=_id(record, extra, statement, truth),
        statement=statement,
        tests=_tests(truth, extra),
        starter_code=starter,
        preamble=PREAMBLE,
        split=_split(extra),
        source="verl",
        meta=record.chosen(("data_source",)),
    )


def _statement(record: Record) -> str:
    value = record.chosen(("prompt",)).get("prompt")
    if isinstance(value, str):
        return record.filled("prompt")
    messages = record.records("prompt")
    said = [message.filled("content") for message in messages if message.text("role") == "user"]
    if not said:
        raise FieldError("prompt", "has no message of the user")
    return said[-1]


def _tests(truth: Any, extra: Record) -> Tests:
    if not isinstance(truth, dict):
        return tests_of(truth, extra.text("fn_name", ""), _GROUND_TRUTH)
    record = Record(truth, _GROUND_TRUTH)
    if "functional" in truth:
        record.only(frozenset({"functional"}))
        source = record.filled("functional")
        check_compiles(source, record.name("functional"))
        return AssertTests(source=source, entry_point=_function(extra), check=False)
    if "pytest" in truth:
        record.only(frozenset({"pytest"}))
        source, imported = pytest_statements(record.filled("pytest"), record.name("pytest"))
        return AssertTests(source=source, entry_point=next(iter(imported), "") or _function(extra), check=False)
    if truth.get("assert_case"):
        record.only(frozenset({"assert_case", "fn_name"}))
        name = record.text("fn_name", "") or _function(extra)
        return parse_assert_list(record.texts("assert_case"), name, record.name("assert_case"))
    if "inputs" not in truth:
        found = ", ".join(sorted(truth)) or "no fields"
        remedy = (
            "supported are a prlcoder problem, inputs and outputs, a list of tests, functional, pytest, assert_case"
        )
        raise FieldError(_GROUND_TRUTH, f"the tests cannot be told from {found}", remedy)
    return tests_of(
        {name: value for name, value in truth.items() if name != "assert_case"},
        extra.text("fn_name", ""),
        _GROUND_TRUTH,
    )


def _function(extra: Record) -> str:
    """The function under test; the name only matters for messages, because the code calls it itself."""
    name = extra.text("entry_point", "") or extra.text("fn_name", "")
    return entry_point(name) if name.isidentifier() else name or "solution"


def _id(record: Record, extra: Record, statement: str, truth: Any) -> str:
    for field in _ID_FIELDS:
        value = extra.chosen((field,)).get(field, record.chosen((field,)).get(field))
        if value not in (None, "") and isinstance(value, str | int):
            return str(value)
    index = extra.chosen(("index",)).get("index")
    if isinstance(index, int | str) and not isinstance(index, bool):
        parts = [record.text("data_source", "verl"), extra.text("split", ""), str(index)]
        return "/".join(part for part in parts if part)
    return content_id("verl", statement, truth)


def _split(extra: Record) -> str | None:
    name = extra.text("split", "").lower()
    name = {"val": "validation", "valid": "validation", "dev": "validation"}.get(name, name)
    return name if name in ("train", "validation", "test") else None


FORMAT = Format(
    name="verl",
    signatures=(frozenset({"prompt", "reward_model"}),),
    fields=frozenset({"data_source", "ability", "extra_info", *_ID_FIELDS}),
    id_field="extra_info.index",
    solution_field="solutions",
    parse=parse,
)
