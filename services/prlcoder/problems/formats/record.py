"""Typed access to one record of a problem file; errors name the field."""

from __future__ import annotations

import ast
import hashlib
import json
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from prlcoder.problems import json_text
from prlcoder.problems.formats.judging_fields import unread_fields

T = TypeVar("T")

_JSON_NAMES: dict[type, str] = {
    str: "text",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


class FieldError(ValueError):
    """A field of a record is missing or invalid. The reader of the file adds file and line."""

    def __init__(self, field: str, problem: str, remedy: str = "") -> None:
        super().__init__(f"{field}: {problem}" + (f"; {remedy}" if remedy else ""))
        self.field = field
        self.problem = problem
        self.remedy = remedy


class Record:
    """Typed access to a record's fields; every getter raises ``FieldError``. ``null`` counts as missing."""

    def __init__(self, fields: Mapping[str, Any], path: str = "") -> None:
        self._fields = fields
        self._path = path

    def name(self, field: str) -> str:
        """The field's full name in messages: ``meta.difficulty``."""
        return f"{self._path}.{field}" if self._path else field

    def has(self, field: str) -> bool:
        """Whether the record has the field and it is not null."""
        return self._fields.get(field) is not None

    def only(self, known: frozenset[str]) -> None:
        """Refuse fields that are not ``known``, so that a misspelt field is not lost in silence."""
        unknown = next((field for field in self._fields if field not in known), None)
        if unknown is not None:
            raise FieldError(self.name(unknown), "unknown field", f"the known fields are {', '.join(sorted(known))}")

    def refuse_judging(self, known: Collection[str]) -> None:
        """Refuse a field that may carry tests, tolerances or checkers, unless it is ``known``."""
        for unread in unread_fields(self._fields, known):
            what = "may carry tests, tolerances or checkers, but is not read here"
            raise FieldError(self.name(unread), what, f"the fields that are read are {', '.join(sorted(known))}")

    def text(self, field: str, default: str | None = None) -> str:
        """A string."""
        return self._typed(field, str, default)

    def filled(self, field: str) -> str:
        """A string that is not blank."""
        value = self._typed(field, str, None)
        if not value.strip():
            raise FieldError(self.name(field), "is empty")
        return value

    def integer(self, field: str) -> int:
        """An integer (not a boolean)."""
        return self._typed(field, int, None)

    def number(self, field: str, default: float | None = None) -> float:
        """A number, whole or not."""
        value = self._fields.get(field)
        if isinstance(value, int) and not isinstance(value, bool):
            try:
                return float(value)
            except OverflowError:
                raise FieldError(self.name(field), "is too large") from None
        return self._typed(field, float, default)

    def flag(self, field: str, default: bool | None = None) -> bool:
        """True or false."""
        return self._typed(field, bool, default)

    def items(self, field: str, default: list[Any] | None = None) -> list[Any]:
        """A list of anything."""
        return self._typed(field, list, default)

    def texts(self, field: str, default: list[str] | None = None) -> list[str]:
        """A list of strings."""
        values = self._typed(field, list, default)
        for index, value in enumerate(values):
            if not isinstance(value, str):
                raise FieldError(f"{self.name(field)}[{index}]", f"text was expected, not {described(value)}")
        return values

    def mapping(self, field: str, default: dict[str, Any] | None = None) -> dict[str, Any]:
        """An object."""
        return self._typed(field, dict, default)

    def chosen(self, fields: tuple[str, ...]) -> dict[str, Any]:
        """Those of ``fields`` that the record has, with their values unchanged."""
        return {field: self._fields[field] for field in fields if self.has(field)}

    def others(self, known: frozenset[str]) -> dict[str, Any]:
        """The fields that are not ``known``, with their values unchanged."""
        return {field: value for field, value in self._fields.items() if field not in known}

    def nested(self, field: str, default: Any = None) -> Any:
        """A value that may be written as JSON text; some tables publish their lists and objects so."""
        value = self._fields.get(field)
        if value is None or value == "":
            if default is None:
                raise FieldError(self.name(field), "missing")
            return default
        if not isinstance(value, str):
            return value
        try:
            return json_text.decode(value)
        except json_text.JsonError as error:
            raise FieldError(self.name(field), f"not JSON ({error}, its line {error.line})") from None

    def record(self, field: str) -> Record:
        """An object, as a record whose messages name both fields."""
        return Record(self.mapping(field), self.name(field))

    def records(self, field: str) -> list[Record]:
        """A list of objects, as records."""
        found = []
        for index, value in enumerate(self.items(field)):
            path = f"{self.name(field)}[{index}]"
            if not isinstance(value, dict):
                raise FieldError(path, f"an object was expected, not {described(value)}")
            found.append(Record(value, path))
        return found

    def _typed(self, field: str, kind: type[T], default: T | None) -> T:
        value = self._fields.get(field)
        if value is None:
            if default is None:
                raise FieldError(self.name(field), "missing")
            return default
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise FieldError(self.name(field), f"{_JSON_NAMES[kind]} was expected, not {described(value)}")
        return value


def content_id(source: str, *parts: Any) -> str:
    """An id for a record without one: the data set's name and a digest of the record's content."""
    try:
        text = json.dumps(parts, default=str, sort_keys=True)
    except ValueError:  # an integer of more digits than Python writes
        text = json.dumps(_in_hexadecimal(parts), default=str, sort_keys=True)
    return f"{source}/{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:12]}"


def _in_hexadecimal(value: Any) -> Any:
    """The value with its integers as hexadecimal text, which Python writes at any length."""
    if isinstance(value, int):
        return hex(value)
    if isinstance(value, dict):
        return {key: _in_hexadecimal(one) for key, one in value.items()}
    return [_in_hexadecimal(one) for one in value] if isinstance(value, list | tuple) else value


def described(value: Any) -> str:
    """The type of a JSON value, in words."""
    return _JSON_NAMES.get(type(value), type(value).__name__)


def parsed(source: str, field: str) -> ast.Module:
    """The syntax tree of Python text; ``FieldError`` with the line inside the field if it does not parse."""
    with _python(field):
        return ast.parse(source)


def check_compiles(source: str, field: str) -> None:
    """Refuse text that Python does not compile. No syntax tree is built, which saves time on megabytes of tests."""
    with _python(field):
        compile(source, field, "exec", dont_inherit=True)


@contextmanager
def _python(field: str) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a published solution may contain "\d", for example
            yield
    except SyntaxError as error:
        where = f" (its line {error.lineno})" if error.lineno else ""
        raise FieldError(field, f"is not Python: {error.msg}{where}") from None
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise FieldError(field, f"is not Python: {str(error) or type(error).__name__}") from None
