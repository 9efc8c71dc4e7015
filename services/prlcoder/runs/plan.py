"""Plans what a run has to do from what its folder already holds. It reads the folder and changes nothing."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from prlcoder.errors import InputError
from prlcoder.runs.folder import RunFolder
from prlcoder.runs.state import FINISHED_STATUSES, RunState, StageRecord, load_state
from prlcoder.spec import TrainingRun, manifest
from prlcoder.spec.diff import differences

Action = Literal["done", "given", "run", "resume"]


@dataclass(frozen=True)
class PlannedStage:
    """One stage: what happens to it, the folders that it reads, the folder that it writes."""

    name: str
    action: Action
    reads: tuple[Path, ...]
    writes: Path


def check_same_spec(run: TrainingRun, folder: RunFolder) -> None:
    """Raise ``InputError`` if the folder belongs to another spec (naming each difference) or is no run folder."""
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


def observe(run: TrainingRun, folder: RunFolder) -> RunState:
    """The recorded state, corrected by what the folder holds.

    A stage whose folder was published just before a kill is done. A stage whose folder is missing is to do, and so is
    every stage that read it.
    """
    state = load_state(folder.state, run.stages())
    for name, record in state.stages.items():
        published = folder.published(name)
        stale = any(state.stages[needed].status not in FINISHED_STATUSES for needed in run.reads(name))
        if record.status == "done" and (published is None or stale):
            state = state.having(name, StageRecord(attempt=record.attempt))
        elif record.status != "to do" and published is not None and published.attempt == record.attempt:
            state = state.having(name, published)
    return state


def redo_from(state: RunState, first: str) -> RunState:
    """``state`` with the stage ``first`` and all later ones to do again; ``InputError`` for an unknown stage."""
    names = list(state.stages)
    check_stage(first, names)
    again = names[names.index(first) :]
    records = {
        name: StageRecord(attempt=record.attempt) if name in again else record for name, record in state.stages.items()
    }
    return replace(state, stages=records)


def check_stage(name: str, known: list[str]) -> None:
    """Raise ``InputError`` naming the run's stages if ``name`` is not one of them."""
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        guess = f"did you mean `{near[0]}`? " if near else ""
        raise InputError(f"{name}: this run has no such stage; {guess}its stages are: {', '.join(known)}")


def plan(run: TrainingRun, folder: RunFolder, state: RunState) -> list[PlannedStage]:
    """What happens to each stage of the run, in order."""
    return [
        PlannedStage(
            name,
            _action(name, run, folder, state.stages[name]),
            tuple(folder.artifact(needed) for needed in run.reads(name)),
            folder.artifact(name),
        )
        for name in run.stages()
    ]


def _action(name: str, run: TrainingRun, folder: RunFolder, record: StageRecord) -> Action:
    if run.given(name) is not None:
        return "given"
    if record.status == "done":
        return "done"
    return "resume" if record.status != "to do" and folder.work(name).is_dir() else "run"
