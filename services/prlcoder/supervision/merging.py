"""Merges the shards of one supervision, built on different machines, into one folder with the content of a single
build.

The shards must be of the same problems, with the same settings and versions, and each must be given exactly once.
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from prlcoder.errors import InputError, WorkError
from prlcoder.files import write_json
from prlcoder.supervision import store
from prlcoder.supervision.build import assemble
from prlcoder.supervision.rows import TABLES

WHOLE = "1/1"


def merge(folders: Sequence[Path], out: Path) -> dict[str, Any]:
    """Merge finished shards into the new folder ``out`` and return its manifest.

    The folder appears completely or not at all. Files are hard-linked if possible and copied otherwise. Raises
    ``InputError`` if the shards do not make up one build.
    """
    manifests = [_shard(folder) for folder in folders]
    _check_alike(folders, manifests)
    _check_complete(folders, [manifest["shard"] for manifest in manifests])
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: already exists; name another folder with --out")
    first = manifests[0]
    identity = {"input": first["input"], "problems": first["problems"], "shard": WHOLE}
    temporary = out.with_name(f".{out.name}.{os.getpid()}.merging")
    try:
        temporary.mkdir(parents=True)
        for number, (folder, part) in enumerate(_parts(folders)):
            _take(folder, part, temporary, number)
        write_json(temporary / store.SETTINGS, {**first["settings"], **identity})
        manifest = {**assemble(temporary, first["settings"]), **identity, "versions": first["versions"]}
        store.finish(temporary, manifest)
        os.replace(temporary, out)
    except OSError as error:
        raise WorkError(f"{out}: cannot be written ({error.strerror or error}); nothing was left behind") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return manifest


def _shard(folder: Path) -> dict[str, Any]:
    """Return the manifest of a finished shard, after checking that its files are complete."""
    manifest = store.read_manifest(folder)
    if "shard" not in manifest:
        raise InputError(f"{folder}: is not a shard; build one with `prlcoder supervise --shard i/n`")
    missing = [
        path
        for number in sorted(store.finished_shards(folder))
        for path in (*(store.table_path(folder, table, number) for table in TABLES), store.digests_path(folder, number))
        if not path.exists()
    ]
    if missing:
        raise InputError(f"{missing[0]}: is missing; was the folder copied completely?")
    if store.content_hash(folder) != manifest["content_hash"]:
        raise InputError(f"{folder}: content_hash: does not match its parts; was the folder copied completely?")
    return manifest


def _check_alike(folders: Sequence[Path], manifests: Sequence[Mapping[str, Any]]) -> None:
    """Check that all shards have the same settings, problems and versions (of Python, major and minor)."""
    reference = _identity(manifests[0])
    for folder, manifest in zip(folders[1:], manifests[1:], strict=True):
        identity = _identity(manifest)
        names = [name for name in sorted({*reference, *identity}) if identity.get(name) != reference.get(name)]
        if names:
            told = "; ".join(f"{name}: {identity.get(name)!r} instead of {reference.get(name)!r}" for name in names)
            raise InputError(f"{folder}: does not match {folders[0]} ({told}); build all shards with the same settings")


def _identity(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything that all shards of one build share, as one flat dictionary."""
    python = ".".join(manifest["versions"]["python"].split(".")[:2])
    return {
        **{f"settings.{name}": value for name, value in manifest["settings"].items()},
        "input": manifest["input"],
        "number of shards": manifest["shard"].split("/")[1],
        "prlcoder": manifest["versions"]["prlcoder"],
        "python": python,
    }


def _check_complete(folders: Sequence[Path], names: Sequence[str]) -> None:
    """Check that each of the n shards is given exactly once."""
    places: dict[int, list[Path]] = defaultdict(list)
    for folder, name in zip(folders, names, strict=True):
        places[int(name.split("/")[0])].append(folder)
    count = int(names[0].split("/")[1])
    twice = {number: there for number, there in places.items() if len(there) > 1}
    if twice:
        number, there = min(twice.items())
        raise InputError(
            f"shard {number}/{count}: is given {len(there)} times ({', '.join(map(str, there))}); name one"
        )
    missing = [f"{number}/{count}" for number in range(1, count + 1) if number not in places]
    if missing:
        raise InputError(f"shards {', '.join(missing)}: are missing; build them with --shard, then merge all {count}")


def _parts(folders: Sequence[Path]) -> Iterator[tuple[Path, int]]:
    """Yield every part of every shard, by its number in the shard, which is about the order of the problems."""
    numbered = [(number, place) for place, folder in enumerate(folders) for number in store.finished_shards(folder)]
    for number, place in sorted(numbered):
        yield folders[place], number


def _take(folder: Path, part: int, out: Path, number: int) -> None:
    """Link or copy one part of a shard as part ``number`` of ``out``."""
    pairs = [(store.table_path(folder, table, part), store.table_path(out, table, number)) for table in TABLES]
    pairs += [(store.digests_path(folder, part), store.digests_path(out, number))]
    pairs += [(store.part_path(folder, part), store.part_path(out, number))]
    for source, target in pairs:
        target.parent.mkdir(parents=True, exist_ok=True)
        store.link(source, target)
