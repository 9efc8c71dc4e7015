"""Tests as a list of objects, as data sets for reinforcement learning publish them.

One object is one test: ``input``, ``output``, and whether it is a call. A call names its function in ``fn_name`` or in
``metadata.func_name``. A type that is not given is standard input and output.
"""

from __future__ import annotations

from typing import Any, Final

from prlcoder.problems.formats.inputs_outputs import as_text, call_tests, stdio_tests
from prlcoder.problems.formats.record import FieldError, Record, check_compiles
from prlcoder.problems.json_text import JsonError, decode
from prlcoder.problems.model import AssertTests, Tests

_STDIO_TYPES: Final = frozenset({"stdin", "stdin_stdout", "stdio", "standard_input"})
_CALL_TYPES: Final = frozenset({"functional", "function_call", "function", "call"})


def parse_test_list(cases: list[Record], function: str, field: str) -> Tests:
    """The tests of one problem. ``function`` is its function's name, if it is given elsewhere.

    ``FieldError`` if there are no tests or if they are of several kinds.
    """
    if not cases:
        raise FieldError(field, "is empty", "a problem needs at least one test")
    for case in cases:
        _refuse_further(case)
    functions = {_function(case) for case in cases} - {""} or {function} - {""}
    kinds = {_kind(case, bool(functions)) for case in cases}
    if len(kinds) > 1 or len(functions) > 1:
        found = ", ".join(sorted(kinds | functions))
        raise FieldError(field, f"has tests of several kinds ({found})", "tests of one problem must be of one kind")
    if kinds == {"stdio"}:
        return stdio_tests(
            [as_text(_value(case, "input"), case.name("input")) for case in cases],
            [as_text(_value(case, "output"), case.name("output")) for case in cases],
        )
    if not functions:
        raise FieldError(cases[0].name("fn_name"), "missing", "a call needs the name of its function")
    name = functions.pop()
    if not name.isidentifier():
        raise FieldError(cases[0].name("fn_name"), f"{name[:60]!r} is not a function's name")
    return call_tests([_arguments(case) for case in cases], [_result(case) for case in cases], name, field)


def parse_assert_list(texts: list[str], entry_point: str, field: str) -> AssertTests:
    """Tests as a list of assert statements."""
    source = "\n".join(texts) + "\n"
    check_compiles(source, field)
    return AssertTests(source=source, entry_point=entry_point, check=False)


_CASE_FIELDS: Final = frozenset(
    {"input", "output", "type", "testtype", "fn_name", "metadata", "func_name", "is_public", "explanation"}
)


def _refuse_further(case: Record) -> None:
    """A field of a test that is not read could be a tolerance or a checker."""
    unknown = [name for name, value in case.others(_CASE_FIELDS).items() if value not in (None, "", [], {})]
    if unknown:
        known = ", ".join(sorted(_CASE_FIELDS))
        raise FieldError(case.name(unknown[0]), "unknown field of a test", f"the known fields are {known}")


def _function(case: Record) -> str:
    name = case.text("fn_name", "") or case.text("func_name", "")
    if not name and case.has("metadata"):
        metadata = case.nested("metadata", {})
        found = metadata.get("func_name") if isinstance(metadata, dict) else None
        name = found if isinstance(found, str) else ""
    return name


def _kind(case: Record, has_function: bool) -> str:
    name = case.text("type", "") or case.text("testtype", "")
    if name in _STDIO_TYPES:
        return "stdio"
    if name in _CALL_TYPES:
        return "calls"
    if name:
        raise FieldError(
            case.name("type"), f"{name[:40]!r} is not a kind of test", "write stdin_stdout or function_call"
        )
    return "calls" if has_function else "stdio"


def _value(case: Record, field: str) -> Any:
    if not case.has(field):
        raise FieldError(case.name(field), "missing")
    return case.chosen((field,))[field]


def _arguments(case: Record) -> list[Any]:
    """The arguments: a list, or JSON values, one per line."""
    value = _value(case, "input")
    if isinstance(value, list):
        return value
    if not isinstance(value, str):
        return [value]
    try:
        return [decode(line) for line in value.split("\n") if line.strip()]
    except JsonError as error:
        raise FieldError(case.name("input"), f"not JSON ({error})") from None


def _result(case: Record) -> Any:
    """The expected result: a value, or JSON text beside arguments that are JSON text."""
    value = _value(case, "output")
    if not isinstance(value, str) or isinstance(_value(case, "input"), list):
        return value
    try:
        return decode(value)
    except JsonError as error:
        raise FieldError(case.name("output"), f"not JSON ({error})") from None
