"""Data sets that are folders: APPS (one folder per problem) and LiveCodeBench (one file per release)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from prlcoder.errors import InputError, located
from prlcoder.problems import json_text
from prlcoder.problems.formats import FieldError
from prlcoder.problems.rows import Malformed, SourceRow, file_rows, read_text
from prlcoder.storage import DATA_ENDINGS, Location

QUESTION: Final = "question.txt"
_PARTS: Final = ("train", "test")
_RELEASE_FILE = re.compile(r"test([2-9]?)\.jsonl(\.gz)?")
_NEWEST: Final = "release_latest"


def folder_rows(folder: Location, names: list[str], release: str | None) -> Iterator[SourceRow] | None:
    """The records of ``folder``, which contains ``names``; None if it is neither APPS nor LiveCodeBench."""
    files = _release_files(names)
    others = [name for name in names if name.endswith(DATA_ENDINGS) and name not in files.values()]
    if files and (release or not others):
        return _release_rows(folder, files, release or _NEWEST)
    if QUESTION in names:
        return iter([_problem_row(folder, folder.file_name, names, None)])
    parts = [part for part in _PARTS if part in names]
    roots: list[tuple[Location, str, str | None]] = [(folder / part, f"{part}/", part) for part in parts]
    if not roots:
        own_part = folder.file_name if folder.file_name in _PARTS else None
        roots = [(folder, "", own_part)]
    if not any(_has_problems(root) for root, _, _ in roots):
        return None
    return (row for root, prefix, split in roots for row in _problem_rows(root, prefix, split))


def _release_files(names: list[str]) -> dict[int, str]:
    """LiveCodeBench's files by release: ``test.jsonl`` is release 1, ``test2.jsonl`` the additions of release 2."""
    found = ((re.fullmatch(_RELEASE_FILE, name), name) for name in names)
    return dict(sorted((int(match[1] or 1), name) for match, name in found if match))


def _release_rows(folder: Location, files: dict[int, str], release: str) -> Iterator[SourceRow]:
    """The rows of a release, which includes those before it: ``release_v3`` is the first three files.

    ``InputError`` if one of the files is missing.
    """
    last = max(files) if release == _NEWEST else int(release.removeprefix("release_v"))
    missing = [number for number in range(1, last + 1) if number not in files]
    if missing and release != _NEWEST:
        name = f"test{missing[0] if missing[0] > 1 else ''}.jsonl"
        raise located(folder.name, None, "release", f"{release} needs {name}, which is not in the folder")
    for number, name in files.items():
        if number <= last:
            yield from file_rows(folder / name)


def _has_problems(root: Location) -> bool:
    """Whether one of the first 20 folders in ``root`` holds a question: a data set has up to ten thousand folders."""
    folders = (root / name for name in root.children() if "." not in name)
    return any((folder / QUESTION).exists() for folder, _ in zip(folders, range(20), strict=False))


def _problem_rows(root: Location, prefix: str, split: str | None) -> Iterator[SourceRow]:
    for name in root.children():
        folder = root / name
        if folder.is_folder() and (names := folder.children()):
            yield _problem_row(folder, prefix + name, names, split)


def _problem_row(folder: Location, id: str, names: list[str], split: str | None) -> SourceRow:
    """One APPS problem as the record that it is in the data set's table."""
    record: dict[str, Any] = {"problem_id": id, "solutions": [], "input_output": None}
    field = QUESTION
    try:
        record["question"] = _text(folder, field, names)
        field = "starter_code.py"
        record["starter_code"] = _text(folder, field, names) if field in names else ""
        for field, key in (("input_output.json", "input_output"), ("solutions.json", "solutions")):
            if field in names:
                record[key] = json_text.decode(_text(folder, field, names))
        field = "metadata.json"
        if field in names:
            record |= _mapping(json_text.decode(_text(folder, field, names)))
    except json_text.JsonError as error:
        return SourceRow(folder.name, None, Malformed(id, FieldError(field, f"not JSON ({error}, line {error.line})")))
    except InputError as error:
        reason = str(error).removeprefix(f"{(folder / field).name}: ")
        return SourceRow(folder.name, None, Malformed(id, FieldError(field, reason)))
    return SourceRow(folder.name, None, record, split)


def _text(folder: Location, field: str, names: list[str]) -> str:
    if field not in names:
        raise InputError("missing")
    return read_text(folder / field)


def _mapping(metadata: Any) -> dict[str, Any]:
    """The fields of ``metadata.json`` that the table has too."""
    if not isinstance(metadata, dict):
        raise InputError("a JSON object was expected")
    return {key: metadata[key] for key in ("difficulty", "url") if key in metadata}
