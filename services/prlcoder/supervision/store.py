"""A supervision folder on disk: Parquet shards, one marker per shard, and the manifest that completes a build.

A shard counts only once its marker ``parts/NNNNN.json`` exists, which is written last and by renaming. A kill at any
moment therefore costs at most the shard that was being built. ``manifest.json`` appears when everything is done.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from prlcoder.errors import InputError
from prlcoder.files import atomic_output, atomic_path, write_json
from prlcoder.supervision.rows import TABLES, SupervisionRow, as_dict, row_digest, schema

MANIFEST = "manifest.json"
SETTINGS = "build.json"
ROWS_HASHED_AT_ONCE = 200_000


def write_table(path: Path, table: str, rows: Sequence[SupervisionRow]) -> list[str]:
    """Write one table of one shard, sorted by id and without repeats; return ``id digest`` lines for the content
    hash."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    values = list({row.id: as_dict(row) for row in sorted(rows, key=lambda row: row.id)}.values())
    with atomic_path(path) as temporary:
        pq.write_table(pa.Table.from_pylist(values, schema=schema(table)), temporary, compression="zstd")
    return [f"{row['id']} {row_digest(table, row)}" for row in values]


def write_shard(
    folder: Path,
    number: int,
    tables: Mapping[str, Sequence[SupervisionRow]],
    quarantine: list[dict[str, Any]],
    part: dict[str, Any],
) -> None:
    """Write one shard's tables, then its marker with the quarantined items and ``part`` (counts and timings).

    The CPU seconds of writing are added to the timings.
    """
    started = time.process_time()
    digests = [line for name in TABLES for line in write_table(table_path(folder, name, number), name, tables[name])]
    digests += [f"{'q' * 32} {row_digest('quarantine', row)}" for row in quarantine]
    with atomic_output(digests_path(folder, number)) as file:
        file.writelines(f"{line}\n" for line in sorted(digests))
    timings = {**part.get("timings_s", {}), "write": time.process_time() - started}
    write_json(part_path(folder, number), {**part, "timings_s": timings, "quarantine": quarantine})


def table_path(folder: Path, table: str, number: int) -> Path:
    """Return the path of one table of one shard."""
    return folder / table / f"{number:05d}.parquet"


def part_path(folder: Path, number: int) -> Path:
    """Return the path of one shard's marker."""
    return folder / "parts" / f"{number:05d}.json"


def digests_path(folder: Path, number: int) -> Path:
    """Return the path of the digests of one shard's rows."""
    return folder / "parts" / f"{number:05d}.digests"


def finished_shards(folder: Path) -> set[int]:
    """Return the numbers of the shards whose marker exists."""
    return {int(path.stem) for path in (folder / "parts").glob("*.json") if path.stem.isdigit()}


def read_parts(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield every shard's marker, in order."""
    for path in sorted((folder / "parts").glob("*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))


def content_hash(folder: Path) -> str:
    """Return the SHA-256 over the digests of all rows, sorted by id.

    It does not depend on how the rows are distributed over shards, and rows contain no timings. Memory is bounded,
    because a large build is sorted one range of ids at a time.
    """
    files = sorted((folder / "parts").glob("*.digests"))
    count = sum(path.stat().st_size for path in files) // 98  # a line has 32 + 1 + 64 + 1 bytes
    ranges = 1 + count // ROWS_HASHED_AT_ONCE
    total = hashlib.sha256()
    for number in range(ranges):
        lines = [
            line
            for path in files
            for line in path.read_text(encoding="ascii").splitlines()
            if _range_of(line, ranges) == number
        ]
        total.update("".join(f"{line}\n" for line in sorted(lines)).encode())
    return total.hexdigest()


def _range_of(line: str, ranges: int) -> int:
    return ranges - 1 if line.startswith("q") else int(line[:8], 16) * ranges >> 32


def start(folder: Path, settings: Mapping[str, Any]) -> None:
    """Record the settings of a new build, or check that they equal those of the build being resumed.

    Raises ``InputError`` if they differ. The caller holds the folder's lock.
    """
    for leftover in folder.rglob(".*.tmp"):  # from a build that was killed while it was writing
        leftover.unlink()
    path = folder / SETTINGS
    if not path.exists():
        if any(entry.name != ".lock" for entry in folder.iterdir()):
            raise InputError(f"{folder}: is neither empty nor a supervision build; name another folder with --out")
        write_json(path, settings)
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    now = json.loads(json.dumps(settings))
    different = [key for key in sorted({*before, *now}) if before.get(key) != now.get(key)]
    if different:
        changes = "; ".join(f"{key}: was {before.get(key)!r}, now {now.get(key)!r}" for key in different)
        raise InputError(f"{folder}: was begun with other settings ({changes}); name another folder with --out")


def finish(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write ``quarantine.jsonl`` and, last, the manifest."""
    with atomic_output(folder / "quarantine.jsonl") as file:
        for part in read_parts(folder):
            file.writelines(json.dumps(row, ensure_ascii=True) + "\n" for row in part["quarantine"])
    write_json(folder / MANIFEST, manifest)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a finished build. Raises ``InputError`` if the folder has none."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(f"{folder}: contains no finished supervision ({MANIFEST} is missing or damaged)") from None
    if not isinstance(manifest, dict) or "content_hash" not in manifest:
        raise InputError(f"{path}: content_hash: is missing; this is not a supervision manifest")
    return manifest


def read_rows(folder: Path, table: str, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of one table, shard by shard, in stored order."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in sorted((folder / table).glob("*.parquet")):
        try:
            file = pq.ParquetFile(path)
            for batch in file.iter_batches(columns=list(columns) if columns else None):
                yield from batch.to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{path}: is not a readable Parquet file ({error})") from None


def link(source: Path, target: Path) -> None:
    """Make ``target`` a hard link to ``source``, or a copy if links are not possible."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def publish(build: Path, output: Path) -> None:
    """Link or copy the finished build's tables, quarantine and manifest into ``output``."""
    names: Iterable[str] = (*TABLES, "quarantine.jsonl", MANIFEST)
    for name in names:
        source = build / name
        if source.is_dir():
            shutil.copytree(source, output / name, copy_function=_link_name, dirs_exist_ok=True)
        else:
            link(source, output / name)


def _link_name(source: str, target: str) -> None:
    link(Path(source), Path(target))
