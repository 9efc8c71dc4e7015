"""Problem records in Parquet: every published schema is read, the ``prlcoder`` schema is written.

All columns of the ``prlcoder`` schema are text, except ``solutions``, a list of text. ``tests`` and ``meta`` hold JSON
text, because their shape differs from problem to problem.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prlcoder.errors import first_line, located
from prlcoder.files import WriteObject, atomic_path
from prlcoder.problems.formats import own
from prlcoder.storage import Location

_NESTED = ("tests", "meta")
_ROWS_PER_GROUP = 256
_SCHEMA = pa.schema([(name, pa.list_(pa.string()) if name == "solutions" else pa.string()) for name in own.FIELDS])


def read_rows(file: Location) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows with their numbers from 1, read in batches. ``InputError`` if the file is missing or is not Parquet."""
    path, number = file.name, 0
    try:
        with file.open() as raw, pq.ParquetFile(raw) as table:
            for batch in table.iter_batches(batch_size=_ROWS_PER_GROUP):
                for row in batch.to_pylist():
                    number += 1
                    yield number, _unpacked(row)
    except FileNotFoundError:
        raise located(path, None, None, "no such file", "check the path") from None
    except OSError as error:
        raise located(path, None, None, f"cannot be read ({error.strerror or first_line(error)})") from None
    except (pa.ArrowException, ValueError, OverflowError) as error:  # the last two come from invalid text and dates
        raise located(path, None, None, f"damaged, or not Parquet ({first_line(error)})", "fetch it again") from None


def _unpacked(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its JSON columns decoded. Text that is not JSON stays, and the check of its field refuses it."""
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
    """Yields a function that writes one record of the ``prlcoder`` format.

    The file appears only when the block ends without an exception. ``WorkError`` if it cannot be written.
    """
    waiting: list[dict[str, Any]] = []

    def write(row: dict[str, Any]) -> None:
        waiting.append({name: json.dumps(row[name]) if name in _NESTED else row[name] for name in own.FIELDS})
        if len(waiting) >= _ROWS_PER_GROUP:
            flush()

    def flush() -> None:
        file.write_table(pa.Table.from_pylist(waiting, schema=_SCHEMA))
        waiting.clear()

    try:
        with atomic_path(path) as temporary, pq.ParquetWriter(temporary, _SCHEMA, compression="zstd") as file:
            yield write
            flush()
    except UnicodeEncodeError as error:
        remedy = "write .jsonl instead"
        raise located(path, None, None, f"Parquet cannot hold a lone surrogate ({error.reason})", remedy) from None
