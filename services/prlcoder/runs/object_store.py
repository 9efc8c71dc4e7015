"""A run whose storage is an object store. Its stages work in a scratch folder of this machine; this module copies.

What a run needs to go on is in the store and only there, so that another machine can continue it:

- Small files of the run's folder (``run.yaml``, ``state.json``, ``logs/``, ...) are copied whenever a stage starts,
  saves a checkpoint or ends. A store shows a file as a whole or not at all.
- The folder of a finished stage is copied file by file, and ``.complete.json``, the list of its files with an id of its
  own, last. A folder without that list does not count, and a copy with another id is fetched anew.
- The work folder of an unfinished stage is copied at each checkpoint under a new number, as far as its files have
  changed. ``.work/STAGE/index.json``, which says where each file is, is written last, and replaced in one piece. A
  checkpoint is therefore complete or not there. What the index no longer names is removed after that.

The store is the truth: at the start, the scratch folder is made equal to it. Nothing here keeps two machines from
working on the same run at once; on a cluster the stage's Job does.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from prlcoder.errors import InputError, WorkError, first_line
from prlcoder.files import read_json, write_json
from prlcoder.spec import STAGES
from prlcoder.storage import Location

SCRATCH_VARIABLE: Final = "PRLCODER_SCRATCH"
COMPLETE: Final = ".complete.json"
RECORD: Final = "stage.json"  # as in ``RunFolder``, which is made of this module
INDEX: Final = "index.json"
WORK: Final = ".work"
LOGS: Final = "logs"
KEPT: Final = "kept"  # as in ``RunFolder.work``
FIRST_PAUSE_S: Final = 1.0
MAX_PAUSE_S: Final = 30.0
PATIENCE_S: Final = 300.0  # how long a store may answer with errors before the run gives up

T = TypeVar("T")
FileStamp = tuple[int, int]  # size in bytes and time of the last change in nanoseconds


def scratch_folder(remote: Location) -> Path:
    """The folder of this machine for a run in ``remote``: below ``PRLCODER_SCRATCH``, or the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prlcoder" / "runs"
    digest = hashlib.sha256(remote.name.encode()).hexdigest()[:16]
    return Path(os.environ.get(SCRATCH_VARIABLE) or cache) / digest / remote.file_name


@dataclass
class ObjectStore:
    """The run's folder in the store, and its copy on this machine."""

    remote: Location
    local: Path
    _copied: dict[str, FileStamp] = field(default_factory=dict)  # small files as they were copied last
    _indexes: dict[str, dict[str, Any]] = field(default_factory=dict)  # of the work folders, as they are in the store

    def fetch(self, stages: Collection[str] | None) -> None:
        """Make the scratch folder equal to the store. Of finished stages that are not among ``stages`` only the record
        is fetched; None fetches all.

        ``InputError`` if the store's folder holds something else than a run.
        """
        present = _patiently(self.remote, self.remote.files)
        small = [name for name in present if _is_small(name)]
        if present and "run.yaml" not in present:
            what = f"holds {min(present)} but no run.yaml, so it is no run folder"
            raise InputError(f"{self.remote.name}: {what}; choose another metadata.name or spec.storage.uri")
        for path in self._small_files():
            if path.relative_to(self.local).as_posix() not in small:
                path.unlink()
        for name in small:
            _download(self.remote / name, self.local / name)
            self._copied[name] = _stamp(self.local / name)
        for stage in STAGES:
            self._fetch_artifact(stage, whole=stages is None or stage in stages)
            self.fetch_work(stage)

    def push(self) -> None:
        """Copy the small files that have changed; ``state.json``, which tells what is finished, last."""
        for path in sorted(self._small_files(), key=lambda path: path.name == "state.json"):
            name, stamp = path.relative_to(self.local).as_posix(), _stamp(path)
            if self._copied.get(name) != stamp:
                self._upload(path, self.remote / name)
                self._copied[name] = stamp

    def push_artifact(self, stage: str) -> None:
        """Copy the folder of a finished stage, and forget its work folder."""
        folder, target = self.local / STAGES[stage].folder, self.remote / STAGES[stage].folder
        if folder.is_symlink():
            return  # given by the spec's `from`; it stays where it is
        sizes = {name: size for name, size in _sizes(folder).items() if name != COMPLETE}
        for name in sizes:
            self._upload(folder / name, target / name)
        listed = {"id": uuid.uuid4().hex, "files": sizes}
        self._write(target / COMPLETE, listed)
        write_json(folder / COMPLETE, listed)
        self.drop_work(stage)

    def withdraw(self, stage: str) -> None:
        """Remove the folder of a stage that runs again. Its list goes first, so that the rest does not count."""
        target = self.remote / STAGES[stage].folder
        names = _patiently(target, target.files)
        _patiently(target, lambda: target.remove([COMPLETE] if COMPLETE in names else []))
        _patiently(target, lambda: target.remove([name for name in names if name != COMPLETE]))

    def push_work(self, stage: str) -> None:
        """Copy what has changed in the work folder of a stage that has just saved a checkpoint."""
        folder, target = self.local / WORK / stage / KEPT, self.remote / WORK / stage
        before = self._indexes.get(stage, {"number": 0, "files": {}})
        number, files = before["number"] + 1, {}
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name, stamp = path.relative_to(folder).as_posix(), list(_stamp(path))
            if any(part.startswith(".") for part in name.split("/")):
                continue
            known = before["files"].get(name)
            if known is None or known["stamp"] != stamp:
                self._upload(path, target / f"{number}/{name}")
                known = {"object": f"{number}/{name}", "stamp": stamp}
            files[name] = known
        index = {"number": number, "files": files}
        self._write(target / INDEX, index)
        self._indexes[stage] = index
        self._sweep(target, index)

    def drop_work(self, stage: str) -> None:
        """Remove the work folder of a stage from the store."""
        target = self.remote / WORK / stage
        names = _patiently(target, target.files)
        _patiently(target, lambda: target.remove([INDEX] if INDEX in names else []))
        _patiently(target, lambda: target.remove([name for name in names if name != INDEX]))
        self._indexes.pop(stage, None)

    def fetch_work(self, stage: str) -> None:
        """Make the work folder of an unfinished stage, or of a shard, equal to the store's."""
        folder, source = self.local / WORK / stage, self.remote / WORK / stage
        index = _read(source / INDEX)
        if index is None:
            _remove(folder)
            return
        self._indexes[stage] = index
        kept = folder / KEPT
        present = {path.relative_to(kept).as_posix(): path for path in kept.rglob("*") if path.is_file()}
        for name, path in present.items():
            if name not in index["files"]:
                path.unlink()
        for name, known in index["files"].items():
            if name not in present or list(_stamp(present[name])) != known["stamp"]:
                _download(source / known["object"], kept / name)
                os.utime(kept / name, ns=(known["stamp"][1], known["stamp"][1]))

    def _fetch_artifact(self, stage: str, *, whole: bool) -> None:
        folder, source = self.local / STAGES[stage].folder, self.remote / STAGES[stage].folder
        listed = _read(source / COMPLETE)
        if folder.is_symlink():
            return
        if listed is None or listed != _local_list(folder):
            _remove(folder)
        if listed is None or folder.exists():
            return
        for name in listed["files"]:
            if whole or name == RECORD:
                _download(source / name, folder / name)
        if whole:
            write_json(folder / COMPLETE, listed)

    def _sweep(self, target: Location, index: dict[str, Any]) -> None:
        named = {known["object"] for known in index["files"].values()} | {INDEX}
        superfluous = [name for name in _patiently(target, target.files) if name not in named]
        _patiently(target, lambda: target.remove(superfluous))

    def _small_files(self) -> Iterator[Path]:
        for folder in (self.local, self.local / LOGS):
            if folder.is_dir():
                yield from (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))

    def _upload(self, source: Path, target: Location) -> None:
        _patiently(target, lambda: target.upload(source))

    def _write(self, target: Location, document: dict[str, Any]) -> None:
        _patiently(target, lambda: target.write_bytes(json.dumps(document).encode()))


def fetch_folder(source: Location, target: Path) -> None:
    """Copy a folder of a store to this machine, where it appears as a whole; an earlier copy is kept if it is the same.

    A folder with a list of its files must hold them all; another folder is taken as it is, each time anew.
    """
    listed = _read(source / COMPLETE)
    if listed is not None and listed == _local_list(target):
        return
    wanted = _patiently(source, source.files) if listed is None else listed["files"]
    _remove(target)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    _remove(temporary)
    for name in wanted:
        _download(source / name, temporary / name)
    if listed is not None:
        write_json(temporary / COMPLETE, listed)
    os.replace(temporary, target)


def _local_list(folder: Path) -> dict[str, Any] | None:
    """The list that came with the copy of a finished folder; None if there is no whole copy."""
    path = folder / COMPLETE
    found: dict[str, Any] | None = read_json(path) if path.exists() else None
    return found


def _download(source: Location, target: Path) -> None:
    """Copy a file of the store to this machine, where it appears as a whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    _patiently(source, lambda: source.download(temporary))
    os.replace(temporary, target)


def _is_small(name: str) -> bool:
    folder, _, rest = name.rpartition("/")
    return folder in ("", LOGS) and not rest.startswith(".")


def _stamp(path: Path) -> FileStamp:
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns


def _sizes(folder: Path) -> dict[str, int]:
    """The files of a folder with their sizes; empty if there is no such folder."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()
    }


def _read(place: Location) -> dict[str, Any] | None:
    data = _patiently(place, place.read_bytes)
    found: dict[str, Any] | None = None if data is None else json.loads(data)
    return found


def _remove(folder: Path) -> None:
    import shutil

    if folder.exists():
        shutil.rmtree(folder)


def _patiently(place: Location, call: Callable[[], T]) -> T:
    """The result of ``call``, repeated while the store answers with errors that may pass; ``WorkError`` in the end."""
    began, pause = time.monotonic(), FIRST_PAUSE_S
    while True:
        try:
            return call()
        except OSError as error:
            lasting = isinstance(error, PermissionError | FileNotFoundError)
            if lasting or time.monotonic() - began > PATIENCE_S:
                remedy = "check the URI, its credentials and the rights on it, then run again"
                raise WorkError(f"{place.name}: storage cannot be used ({first_line(error)}); {remedy}") from error
            print(f"storage: {place.name}: {first_line(error)}; again in {pause:.0f} s", file=sys.stderr, flush=True)
        time.sleep(pause)
        pause = min(2 * pause, MAX_PAUSE_S)
