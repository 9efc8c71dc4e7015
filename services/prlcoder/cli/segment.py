"""``prlcoder segment``: print the segments of one file for people, or write those of many programs for programs.

A single file that cannot be segmented is invalid input (exit code 2). Among many programs it is a row with ``error``
(exit code 0), and standard error says how many there were.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prlcoder import files
from prlcoder.errors import InputError, located
from prlcoder.segmenter import Mode, Segment, SegmentationError, segment
from prlcoder.segmenter.lines import count_ends
from prlcoder.segmenter.rows import row, segments_row
from prlcoder.telemetry.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``prlcoder segment``."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("file", nargs="?", metavar="FILE", help="a Python file; - reads standard input")
    source.add_argument("--programs", type=Path, metavar="IN.jsonl", help="rows with `id` and `program`")
    parser.add_argument(
        "--mode", choices=("line", "block"), default="block", help="size of a segment (default: %(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="S.jsonl", help="file for the rows of --programs (default: standard output)"
    )
    parser.add_argument("--json", action="store_true", help="print FILE's segments as one JSON row")


def run(arguments: argparse.Namespace) -> int:
    """Segment, print or write, and return the exit code."""
    if arguments.programs is not None:
        return _segment_programs(arguments.programs, arguments.mode, arguments.out)
    if arguments.out is not None:
        raise InputError("--out goes with --programs; redirect standard output for a single FILE")
    name, source = _read_source(arguments.file)
    try:
        segments = segment(source, arguments.mode)
    except SegmentationError as error:
        remedy = "correct it; only a program that parses has segments"
        raise located(name, error.line, f"column {error.column}", error.message, remedy) from None
    print(files.dump(segments_row(name, segments)) if arguments.json else _encodable(_listing(name, segments)))
    return 0


def _segment_programs(path: Path, mode: Mode, out: Path | None) -> int:
    failed = count = total = 0
    with files.writer(out, sys.stdout) as write, Progress("segment", total=None, unit="programs") as progress:
        for identity, program in _programs(path):
            result = row(identity, program, mode)
            write(result)
            count += 1
            failed += "error" in result
            total += len(result.get("segments", ()))
            progress.advance()
        if count == 0:
            raise located(path, None, None, "holds no programs", "each line must be an object with `id` and `program`")
    refused = f"; {failed:,} could not be segmented (their rows hold `error`)" if failed else ""
    print(f"segment: {total:,} segments of {count:,} programs, mode {mode}{refused}", file=sys.stderr)
    return 0


def _programs(path: Path) -> Iterator[tuple[str | int, str]]:
    for number, fields in files.read_objects(path):
        identity, program = (
            _required_field(path, number, fields, "id"),
            _required_field(path, number, fields, "program"),
        )
        if isinstance(identity, bool) or not isinstance(identity, str | int):
            raise located(path, number, "id", f"a string or an integer was expected, not {_type_name(identity)}")
        if not isinstance(program, str):
            raise located(path, number, "program", f"a string was expected, not {_type_name(program)}")
        yield identity, program


def _required_field(path: Path, number: int, fields: dict[str, Any], name: str) -> Any:
    if name not in fields:
        raise located(path, number, name, "is missing", "each line needs `id` and `program`")
    return fields[name]


def _type_name(value: object) -> str:
    return "null" if value is None else type(value).__name__


def _read_source(file: str) -> tuple[str, str]:
    """Name and text of a program. Line ends and a byte order mark stay as they are, because offsets count them."""
    name = "<stdin>" if file == "-" else file
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except FileNotFoundError:
        raise located(name, None, None, "no such file", "check the path") from None
    except IsADirectoryError:
        raise located(name, None, None, "is a folder, not a file", "name a file in it") from None
    except OSError as error:
        raise located(name, None, None, f"cannot be read ({error.strerror or error})") from None
    if not data:
        raise located(name, None, None, "is empty", "give a Python program")
    try:
        return name, data.decode("utf-8")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise located(name, number, None, "is not UTF-8 text", "is it the right file?") from None


def _listing(name: str, segments: list[Segment]) -> str:
    """Every segment with its index, kind and physical lines, and its text behind a margin."""
    steps = sum(piece.is_step for piece in segments)
    parts = [f"{name}: {len(segments)} segments, {steps} of them steps"]
    number = 1
    for index, piece in enumerate(segments):
        lines = re.split(r"\r\n|\r|\n", piece.text)
        if not lines[-1]:
            lines.pop()  # the text ends with a line end
        note = "" if piece.is_step else ", context"
        place = f"line {number}" if len(lines) == 1 else f"lines {number}-{number + len(lines) - 1}"
        parts.append(f"\n[{index}] {piece.kind}{note}, {place}")
        parts.extend(f"  | {line}".rstrip() for line in lines)
        number += count_ends(piece.text, 0, len(piece.text))
    return "\n".join(parts)


def _encodable(text: str) -> str:
    """The text with the characters that standard output cannot encode written as escapes."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
