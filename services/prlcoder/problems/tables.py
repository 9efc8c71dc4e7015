"""Problem records in Parquet: any published schema in, our own out.

Our own columns are text, except ``solutions`` (a list of text); ``tests`` and ``meta`` are JSON text, because their
shape differs from problem to problem.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prlcoder.errors import WorkError, located
from prlcoder.files import WriteObject
from prlcoder.problems.formats import own
from prlcoder.storage import Location

_NESTED = ("tests", "meta")
_ROWS_PER_GROUP = 256
_SCHEMA = pa.schema([(name, pa.list_(pa.string()) if name == "solutions" else pa.string()) for name in own.FIELDS])


def read_rows(place: Location) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows with their numbers from 1, a few at a time. ``InputError`` if the file is missing or is not Parquet."""
    path, number = place.name, 0
    try:
        with place.open() as raw, pq.ParquetFile(raw) as file:
            for batch in file.iter_batches(batch_size=_ROWS_PER_GROUP):
                for row in batch.to_pylist():
                    number += 1
                    yield number, _unpacked(row)
    except FileNotFoundError:
        raise located(path, None, None, "no such file", "check the path") from None
    except OSError as error:
        raise located(path, None, None, f"cannot be read ({error.strerror or _first_line(error)})") from None
    except (pa.ArrowException, ValueError, OverflowError) as error:  # the last two: text, dates that are none
        raise located(path, None, None, f"damaged, or not Parquet ({_first_line(error)})", "fetch it again") from None


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _unpacked(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its JSON columns decoded; other text stays as it is, and its field's check will refuse it."""
    for name in _NESTED:
        value = row.get(name)
        if isinstance(value, str):
            try:
                row[name] = json.loads(value)
            except (ValueError, RecursionError):
                continue
    return row


@contextmanager
def table_writer(path: Path) -> Iterator[WriteObject]:
    """A function that takes records of our own format; the file appears only when the block ends well."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    waiting: list[dict[str, Any]] = []

    def write(row: dict[str, Any]) -> None:
        waiting.append({name: json.dumps(row[name]) if name in _NESTED else row[name] for name in own.FIELDS})
        if len(waiting) >= _ROWS_PER_GROUP:
            flush()

    def flush() -> None:
        file.write_table(pa.Table.from_pylist(waiting, schema=_SCHEMA))
        waiting.clear()

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(temporary, _SCHEMA, compression="zstd") as file:
            yield write
            flush()
        os.replace(temporary, path)
    except OSError as error:
        raise WorkError(f"{path}: cannot be written ({error.strerror or error}); nothing was left behind") from error
    except UnicodeEncodeError as error:
        remedy = "write .jsonl instead"
        raise located(path, None, None, f"Parquet cannot hold a lone surrogate ({error.reason})", remedy) from None
    finally:
        with suppress(OSError):  # the folder may be what could not be made
            temporary.unlink(missing_ok=True)
