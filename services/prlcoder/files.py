"""Reads and writes JSON Lines and JSON: ``.gz`` everywhere, errors with file and line, complete files only."""

from __future__ import annotations

import gzip
import io
import json
import os
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from prlcoder.errors import WorkError, located

WriteObject = Callable[[dict[str, Any]], None]


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Non-blank lines with their 1-based numbers; ``InputError`` for a missing, binary or truncated file."""
    return decoded_lines(path, lambda: _open_binary(path))


def decoded_lines(path: str | Path, open_raw: Callable[[], IO[bytes]]) -> Iterator[tuple[int, str]]:
    """As ``read_lines``, from anything that opens as decompressed bytes; messages name it ``path``."""
    number = 0
    try:
        with open_raw() as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="\n") as text:
            for number, line in enumerate(text, start=1):
                if line.strip():
                    yield number, line
    except FileNotFoundError:
        raise located(path, None, None, "no such file", "check the path") from None
    except IsADirectoryError:
        raise located(path, None, None, "is a folder, not a file", "name a file in it") from None
    except UnicodeDecodeError:
        raise located(path, number + 1, None, "is not UTF-8 text", "is it the right file?") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise located(path, number + 1, None, f"truncated or damaged gzip ({error})", "fetch it again") from None
    except OSError as error:
        raise located(path, None, None, f"cannot be read ({error.strerror or error})") from None


def _open_binary(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")


def read_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """One JSON object per line, with line numbers; ``InputError`` at the first line that is not an object."""
    for number, line in read_lines(path):
        yield number, parse_object(path, number, line)


def parse_object(path: str | Path, number: int, line: str) -> dict[str, Any]:
    """The JSON object on one line; ``InputError`` with file and line if the line is no JSON object."""
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        what = f"{error.msg} at column {error.colno}"
        raise located(path, number, None, f"not JSON ({what})", "each line must hold one JSON object") from None
    except (RecursionError, ValueError) as error:  # ValueError: a number with more digits than Python converts
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise located(path, number, None, f"not JSON ({what})", "each line must hold one JSON object") from None
    if not isinstance(value, dict):
        raise located(path, number, None, f"a JSON object was expected, not {type(value).__name__}")
    return value


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path``, which replaces ``path`` when the block ends without an exception.

    The folder is made if it is missing. ``WorkError`` if the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}.tmp")  # pods may share process ids
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise WorkError(f"{path}: cannot be written ({error.strerror or error}); nothing was left behind") from error
    finally:
        with suppress(OSError):  # the folder may be what could not be made
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_output(path: Path) -> Iterator[IO[str]]:
    """A text file that appears under ``path`` only when the block ends without an exception.

    It is compressed if its name ends in ``.gz``. ``WorkError`` if it cannot be written.
    """
    with atomic_path(path) as temporary:
        if path.suffix == ".gz":
            # mtime=0: the same rows give the same bytes
            raw: IO[str] = io.TextIOWrapper(gzip.GzipFile(temporary, "wb", mtime=0), encoding="utf-8", newline="\n")
        else:
            raw = temporary.open("w", encoding="utf-8", newline="\n")
        with raw:
            yield raw


@contextmanager
def writer(path: Path | None, standard_output: IO[str]) -> Iterator[WriteObject]:
    """A function that writes one object per line, to ``path`` (atomically), or to standard output if it is None."""
    if path is None:
        yield lambda row: print(dump(row), file=standard_output)
        return
    with atomic_output(path) as file:
        yield lambda row: print(dump(row), file=file)


def dump(row: dict[str, Any]) -> str:
    """One line of JSON, with the keys in their order. Lone surrogates stay escaped, so that the line is valid UTF-8."""
    text = json.dumps(row, ensure_ascii=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(row)
    return text


def write_json(path: Path, data: Any) -> None:
    """Write ``data`` as indented JSON, atomically; it is on the disk when this returns. ``WorkError`` if that fails."""
    with atomic_output(path) as file:
        json.dump(data, file, indent=2, ensure_ascii=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def read_json(path: Path) -> Any:
    """The JSON file at ``path``; ``WorkError`` if it is missing or damaged."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise WorkError(f"{path}: cannot be read ({error}); run the stage that writes it again") from None
