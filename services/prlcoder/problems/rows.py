"""The records of one file (JSON Lines, JSON or Parquet), each with its file and line for messages."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from prlcoder.errors import InputError, located
from prlcoder.files import decoded_lines, parse_object
from prlcoder.problems import json_text
from prlcoder.problems.formats import FieldError
from prlcoder.problems.formats.record import described
from prlcoder.storage import Location


@dataclass(frozen=True)
class Malformed:
    """Text in the place of a record that is not a record."""

    text: str
    error: FieldError


@dataclass(frozen=True)
class SourceRow:
    """A record with its file and line. ``split`` is the split that its file or folder belongs to."""

    file: str
    line: int | None
    record: dict[str, Any] | Malformed
    split: str | None = None


def file_rows(file: Location) -> Iterator[SourceRow]:
    """Yields numbered records: lines of text or rows of a table. ``InputError`` if the file cannot be read."""
    name = file.path.removesuffix(".gz")
    if name.endswith(".parquet"):
        from prlcoder.problems.tables import read_rows

        for number, record in read_rows(file):
            yield SourceRow(file.name, number, dated_as_text(record))
    elif name.endswith(".json"):
        yield from _json_rows(file)
    else:
        yield from _line_rows(file)


def dated_as_text(record: dict[str, Any]) -> dict[str, Any]:
    """The record with dates and times as text in ISO format, as in JSON files."""
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in record.items()}


def _line_rows(file: Location) -> Iterator[SourceRow]:
    for line, ended in decoded_lines(file.name, file.open):
        text = ended.rstrip("\r\n")  # a message about the end of the line must not count a column of the next line
        try:
            yield SourceRow(file.name, line, parse_object(file.name, line, text))
        except InputError as error:
            reason = str(error).removeprefix(f"{file.name}:{line}: ")
            yield SourceRow(file.name, line, Malformed(text, FieldError("", reason)))


def _json_rows(file: Location) -> Iterator[SourceRow]:
    try:
        for line, value in json_text.records(read_text(file)):
            if isinstance(value, dict):
                yield SourceRow(file.name, line, value)
            else:
                error = FieldError("", f"a JSON object was expected, not {described(value)}")
                yield SourceRow(file.name, line, Malformed(_beginning(value), error))
    except json_text.JsonError as error:
        raise located(file.name, error.line, None, f"not JSON ({error})", "is it the right file?") from None


def _beginning(value: Any) -> str:
    """The first 1,000 characters of a value that is not a record."""
    try:
        return str(value)[:1000]
    except ValueError:  # an integer with more digits than Python converts to text
        return described(value)


def read_text(file: Location) -> str:
    """The content of a UTF-8 text file; ``InputError`` if it cannot be read."""
    try:
        with file.open() as raw:
            return raw.read().decode("utf-8-sig")
    except FileNotFoundError:
        raise located(file.name, None, None, "no such file", "check the path") from None
    except UnicodeDecodeError:
        raise located(file.name, None, None, "is not UTF-8 text", "is it the right file?") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise located(file.name, None, None, f"truncated or damaged gzip ({error})", "fetch it again") from None
    except OSError as error:
        raise located(file.name, None, None, f"cannot be read ({error.strerror or error})") from None
