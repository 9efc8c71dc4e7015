"""The finished folders that a spec takes stages from (its ``from``), on this machine or in an object store."""

from __future__ import annotations

from pathlib import Path

from prlcoder.errors import InputError
from prlcoder.runs.object_store import fetch_folder, scratch_folder
from prlcoder.spec import STAGES, TrainingRun
from prlcoder.storage import Location, location


def check_given(run: TrainingRun) -> dict[str, Location]:
    """The folders that stages are taken from, by stage; ``InputError`` for a folder that is not finished."""
    given: dict[str, Location] = {}
    for name in run.stages():
        uri = run.given(name)
        if uri is None:
            continue
        folder = location(uri)
        if folder.local:
            folder = Location(uri, str(Path(folder.path).expanduser()))
        _check_finished(uri, name, folder)
        given[name] = folder
    return given


def _check_finished(uri: str, name: str, folder: Location) -> None:
    where = f"{uri}: spec's `from` of stage {name}"
    try:
        missing = missing_in(folder, name) if folder.is_folder() else ""
    except OSError as error:
        raise InputError(f"{where}: cannot be read ({error}); check the URI and its credentials") from None
    if missing == "":
        raise InputError(f"{where}: no such folder; give a finished {name} folder")
    if missing is not None:
        what = f"holds no {missing}, so it is no finished {name} folder"
        raise InputError(f"{where}: {what}; give a finished one")


def missing_in(folder: Location, stage: str) -> str | None:
    """The first file that a finished folder of ``stage`` holds and ``folder`` does not; None if nothing is missing."""
    for files in STAGES[stage].holds:
        if not any((folder / name).exists() for name in files.split("|")):
            return files.replace("|", " or ")
    return None


def local_copy(source: Location) -> Path:
    """The folder on this machine: itself, or a copy of one in an object store."""
    if source.local:
        return Path(source.path)
    target = scratch_folder(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    fetch_folder(source, target)
    return target
