"""Reads JSON as data sets publish it: JSON inside JSON text, large files, and very long integers.

Some APPS tests contain integers of tens of thousands of digits. ``json.loads`` refuses more than 4,300.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

MAX_DIGITS: Final = 100_000
_MAX_DIGITS_PER_INT: Final = 4_000  # below Python's limit for one conversion
_SPACE = re.compile(r"[ \t\r\n]*")


class JsonError(ValueError):
    """The text is not JSON. ``line`` counts from 1."""

    def __init__(self, what: str, line: int) -> None:
        super().__init__(what)
        self.line = line


def decode(text: str) -> Any:
    """The one value that ``text`` contains; ``JsonError`` if it is not one value."""
    value, end = _value(text, _SPACE.match(text).end(), 1)  # type: ignore[union-attr]
    end = _SPACE.match(text, end).end()  # type: ignore[union-attr]
    if end < len(text):
        raise JsonError("more text after the end of the value", 1 + text.count("\n", 0, end))
    return value


def records(text: str) -> Iterator[tuple[int, Any]]:
    """Yields the records of a JSON file, each with the line on which it begins.

    A file is an array of records, or one object whose values are objects (each gets its key as ``id`` unless it has an
    ``id``), or a sequence of records. ``JsonError`` at the first position that is not JSON.
    """
    at, line = _skip(text, 0, 1)
    if at == len(text):
        return
    if text[at] == "[":
        yield from _array(text, at, line)
        return
    value, end = _value(text, at, line)
    following, next_line = _skip(text, end, line + text.count("\n", at, end))
    by_key = isinstance(value, dict) and value and all(isinstance(each, dict) for each in value.values())
    if by_key and following == len(text):
        yield from ((line, {"id": key, **each}) for key, each in value.items())
        return
    yield line, value
    while following < len(text):
        value, end = _value(text, following, next_line)
        yield next_line, value
        following, next_line = _skip(text, end, next_line + text.count("\n", following, end))


def _array(text: str, at: int, line: int) -> Iterator[tuple[int, Any]]:
    at, line = _skip(text, at + 1, line)
    closed = text[at : at + 1] == "]"  # an empty array
    if closed:
        at, line = _skip(text, at + 1, line)
    while not closed:
        value, end = _value(text, at, line)
        yield line, value
        at, line = _skip(text, end, line + text.count("\n", at, end))
        sign = text[at : at + 1]
        if sign not in (",", "]"):
            raise JsonError("Expecting ',' or ']' in the array", line)
        closed = sign == "]"
        at, line = _skip(text, at + 1, line)
    if at < len(text):
        raise JsonError("more text after the end of the array", line)


def _skip(text: str, at: int, line: int) -> tuple[int, int]:
    end = _SPACE.match(text, at).end()  # type: ignore[union-attr]  # the pattern matches the empty text too
    return end, line + text.count("\n", at, end)


def _value(text: str, at: int, line: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise JsonError(error.msg, line + text.count("\n", at, error.pos)) from None
    except RecursionError:
        raise JsonError("nested too deep", line) from None
    except ValueError as error:  # from _integer
        raise JsonError(str(error), line) from None


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"an integer of {len(digits):,} digits; at most {MAX_DIGITS:,} are read")
    return -_natural(digits[1:]) if digits.startswith("-") else _natural(digits)


def _natural(digits: str) -> int:
    if len(digits) <= _MAX_DIGITS_PER_INT:
        return int(digits)
    half = len(digits) // 2
    return int(_natural(digits[:-half]) * 10**half + _natural(digits[-half:]))


_DECODER = json.JSONDecoder(parse_int=_integer)
