"""Opens what a user names as a source (a path, a URI, a hub id) and yields its records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from prlcoder.errors import located
from prlcoder.problems.folders import folder_rows
from prlcoder.problems.hub import SPLITS, LoadingScriptError, hub_rows, is_hub_id
from prlcoder.problems.rows import SourceRow, file_rows
from prlcoder.spec import Hub
from prlcoder.storage import DATA_ENDINGS, Location, location


def rows(source: str, hub: Hub, release: str | None) -> Iterator[SourceRow]:
    """The records of ``source``; ``InputError`` if it does not exist or cannot be read.

    A name that is both a local path and a hub id means the path. ``release`` is a release of LiveCodeBench, whose
    releases are files of one folder.
    """
    try:
        yield from _rows(source, hub, release)
    except OSError as error:
        raise located(source, None, None, f"cannot be read ({error.strerror or error})") from None


def _rows(source: str, hub: Hub, release: str | None) -> Iterator[SourceRow]:
    root = location(source)
    if root.is_folder():
        return _rows_of_folder(root, hub, release)
    if root.exists():
        _refuse_release(source, release)
        return file_rows(root)
    if is_hub_id(source) and not source.endswith(DATA_ENDINGS):
        return _rows_of_hub(source, hub, release)
    raise located(source, None, None, "no such file", "check the path")


def _rows_of_folder(folder: Location, hub: Hub, release: str | None) -> Iterator[SourceRow]:
    found = folder_rows(folder, folder.children(), release)
    if found is not None:
        return found
    _refuse_release(folder.name, release)
    if folder.system is None and _has_data(Path(folder.path)):
        return _data_set(folder.path, folder, hub)
    raise located(folder.name, None, None, "is a folder that contains no problems", "name a file in it")


def _rows_of_hub(source: str, hub: Hub, release: str | None) -> Iterator[SourceRow]:
    files = location(f"hf://datasets/{source}" + (f"@{hub.revision}" if hub.revision else ""))
    if release is not None:
        yield from _rows_of_folder(files, hub, release)
        return
    yield from _data_set(source, files, hub)


def _data_set(source: str, files: Location, hub: Hub) -> Iterator[SourceRow]:
    """The rows of a Hugging Face data set. If it is a Python program (APPS, LiveCodeBench), its files are read."""
    try:
        yield from hub_rows(source, hub)
    except LoadingScriptError:
        yield from _rows_of_scripted(files, hub)


def _rows_of_scripted(files: Location, hub: Hub) -> Iterator[SourceRow]:
    """The rows of a folder with one file per split (``train.jsonl``, ``test.jsonl``) or per LiveCodeBench release."""
    names = files.children()
    found = None if hub.split else folder_rows(files, names, None)
    if found is not None:
        yield from found
        return
    by_split = {name.split(".")[0]: name for name in names if name.endswith(DATA_ENDINGS)}
    wanted = by_split if hub.split is None else {hub.split: by_split.get(hub.split)}
    for split, name in wanted.items():
        if name is None:
            there = ", ".join(by_split) or "none"
            raise located(files.name, None, None, f"has no split {split!r}", f"choose one of: {there}")
        for row in file_rows(files / name):
            yield replace(row, split=SPLITS.get(split))


def _refuse_release(source: str, release: str | None) -> None:
    if release is not None:
        remedy = "name the folder that has test.jsonl, test2.jsonl and so on"
        raise located(source, None, "release", "this source does not say which release a record belongs to", remedy)


def _has_data(folder: Path) -> bool:
    return any(path.name.endswith((*DATA_ENDINGS, ".csv", ".arrow")) for path in folder.rglob("*"))
