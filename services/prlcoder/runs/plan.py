"""What a run has to do, given what its folder already holds. Reads the folder, changes nothing."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from prlcoder.errors import InputError
from prlcoder.runs.folder import RunFolder, local_path
from prlcoder.runs.stages import StageDefinition, given_folder, missing_in, reads
from prlcoder.runs.state import FINISHED, RunState, StageRecord, load_state
from prlcoder.spec import TrainingRun, manifest
from prlcoder.spec.diff import differences

Action = Literal["done", "given", "run", "resume"]


@dataclass(frozen=True)
class PlannedStage:
    """One stage: what will happen to it, the folders it reads, the folder it writes."""

    name: str
    action: Action
    reads: tuple[Path, ...]
    writes: Path


def check_same_spec(run: TrainingRun, folder: RunFolder) -> None:
    """``InputError`` if the folder belongs to another spec (with each difference) or to something else."""
    if folder.manifest.exists():
        changes = differences(manifest.load(folder.manifest), run)
        if changes:
            remedy = "choose another metadata.name for the new spec, or remove the folder"
            what = f"{folder.path}: this run folder belongs to a different spec; {remedy}"
            raise InputError("\n  ".join([what, *changes]))
    elif folder.path.is_dir():
        foreign = [entry.name for entry in folder.path.iterdir() if not entry.name.startswith(".")]
        if foreign:
            what = f"holds {foreign[0]} but no run.yaml, so it is no run folder"
            raise InputError(f"{folder.path}: {what}; choose another metadata.name or spec.storage.uri")
    elif folder.path.exists():
        raise InputError(f"{folder.path}: is a file, not a folder; choose another metadata.name or spec.storage.uri")


def observe(run: TrainingRun, folder: RunFolder, definitions: Mapping[str, StageDefinition]) -> RunState:
    """The recorded state, corrected by what the folder holds.

    A stage whose folder was published just before a kill is done; one whose folder is gone is to do, and so is every
    stage that read it.
    """
    state = load_state(folder.state, run.stages())
    for name, record in state.stages.items():
        published = folder.published(definitions[name])
        stale = any(state.stages[needed].status not in FINISHED for needed in reads(name, run, definitions))
        if record.status == "done" and (published is None or stale):
            state = state.having(name, StageRecord(attempt=record.attempt))
        elif record.status != "to do" and published is not None and published.attempt == record.attempt:
            state = state.having(name, published)
    return state


def redo_from(state: RunState, first: str) -> RunState:
    """``state`` with stage ``first`` and all after it to do again; ``InputError`` if there is no such stage."""
    names = list(state.stages)
    check_stage(first, names)
    again = names[names.index(first) :]
    records = {
        name: StageRecord(attempt=record.attempt) if name in again else record for name, record in state.stages.items()
    }
    return replace(state, stages=records)


def check_stage(name: str, known: list[str]) -> None:
    """``InputError`` naming the run's stages if ``name`` is none of them."""
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        guess = f"did you mean `{near[0]}`? " if near else ""
        raise InputError(f"{name}: this run has no such stage; {guess}its stages are: {', '.join(known)}")


def check_given(run: TrainingRun, definitions: Mapping[str, StageDefinition]) -> dict[str, Path]:
    """The folders that stages are taken from, by stage; ``InputError`` for one that does not look like a result."""
    given: dict[str, Path] = {}
    for name in run.stages():
        uri = given_folder(name, run.spec)
        if uri is None:
            continue
        folder = local_path(uri)
        if not folder.is_dir():
            raise InputError(f"{uri}: spec's `from` of stage {name}: no such folder; give a finished {name} folder")
        missing = missing_in(folder, definitions[name])
        if missing is not None:
            what = f"holds no {missing}, so it is no finished {name} folder"
            raise InputError(f"{uri}: spec's `from` of stage {name}: {what}; give one that is")
        given[name] = folder
    return given


def plan(
    run: TrainingRun, folder: RunFolder, state: RunState, definitions: Mapping[str, StageDefinition]
) -> list[PlannedStage]:
    """What happens to each stage of the run, in order."""
    planned = []
    for name in run.stages():
        sources = tuple(folder.artifact(definitions[needed]) for needed in reads(name, run, definitions))
        action = _action(name, run, folder, state.stages[name])
        planned.append(PlannedStage(name, action, sources, folder.artifact(definitions[name])))
    return planned


def _action(name: str, run: TrainingRun, folder: RunFolder, record: StageRecord) -> Action:
    if given_folder(name, run.spec) is not None:
        return "given"
    if record.status == "done":
        return "done"
    return "resume" if record.status != "to do" and folder.work(name).is_dir() else "run"
