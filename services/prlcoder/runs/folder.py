"""A run's folder: names of what is in it (contracts, section 3), and the moves that publish and withdraw artefacts.

Publishing is one rename, so a stage's folder is there whole or not at all. ``stage.json`` inside says which attempt
made it; a folder left by an earlier attempt is thereby known from a finished one even if the run was killed between
the rename and the next write of ``state.json``.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from prlcoder.files import write_json
from prlcoder.runs.stages import StageDefinition
from prlcoder.runs.state import StageRecord
from prlcoder.spec import TrainingRun

RECORD = "stage.json"


@dataclass(frozen=True)
class RunFolder:
    """Paths in the folder of one run."""

    path: Path

    @classmethod
    def of(cls, run: TrainingRun) -> RunFolder:
        """``<storage>/<name>``; storage is ``./runs`` unless the spec says otherwise."""
        return cls(local_path(run.spec.storage.uri or "runs") / run.metadata.name)

    @property
    def manifest(self) -> Path:
        """The resolved spec."""
        return self.path / "run.yaml"

    @property
    def state(self) -> Path:
        """How far each stage is."""
        return self.path / "state.json"

    @property
    def splits(self) -> Path:
        """Problem ids of the three splits."""
        return self.path / "splits.json"

    @property
    def lock(self) -> Path:
        """Held while a process works here."""
        return self.path / ".lock"

    def log(self, stage: str) -> Path:
        """What a stage printed, all attempts one after the other."""
        return self.path / "logs" / f"{stage}.log"

    def artifact(self, definition: StageDefinition) -> Path:
        """The published folder of a stage."""
        return self.path / definition.folder

    def scratch(self, stage: str) -> Path:
        """Everything of an unfinished stage."""
        return self.path / ".work" / stage

    def work(self, stage: str) -> Path:
        """What an unfinished stage keeps over a kill."""
        return self.scratch(stage) / "kept"

    def output(self, stage: str) -> Path:
        """What an unfinished stage is about to publish."""
        return self.scratch(stage) / "output"

    def prepare(self, definition: StageDefinition) -> None:
        """Before an attempt: withdraw the stage's old artefact, and give it an empty output folder."""
        self.withdraw(definition)
        remove(self.output(definition.name))
        self.work(definition.name).mkdir(parents=True, exist_ok=True)
        self.output(definition.name).mkdir()

    def publish(self, definition: StageDefinition, record: StageRecord) -> None:
        """The output folder becomes the stage's artefact; what was kept for resuming goes."""
        write_json(self.output(definition.name) / RECORD, asdict(record))
        os.replace(self.output(definition.name), self.artifact(definition))
        remove(self.scratch(definition.name))

    def published(self, definition: StageDefinition) -> StageRecord | None:
        """The record inside the stage's artefact; None if there is no artefact of this engine."""
        try:
            data = json.loads((self.artifact(definition) / RECORD).read_text("utf-8"))
            return StageRecord(**data)
        except (OSError, ValueError, TypeError):
            return None

    def withdraw(self, definition: StageDefinition) -> None:
        """Remove the stage's artefact. It first leaves its place in one rename, so it is never seen half removed."""
        artifact = self.artifact(definition)
        if artifact.is_symlink():
            artifact.unlink()
        elif artifact.exists():
            retired = self.path / ".work" / f"{definition.name}.old"
            remove(retired)
            retired.parent.mkdir(exist_ok=True)
            os.replace(artifact, retired)
            remove(retired)

    def link(self, definition: StageDefinition, given: Path) -> None:
        """Let the stage's artefact be a folder elsewhere (the spec's ``from``)."""
        artifact = self.artifact(definition)
        if artifact.is_symlink() and artifact.resolve() == given.resolve():
            return
        self.withdraw(definition)
        artifact.symlink_to(given.resolve(), target_is_directory=True)


def local_path(uri: str) -> Path:
    """A folder given as a path or as ``file://`` URI."""
    return Path(uri.removeprefix("file://")).expanduser()


def remove(folder: Path) -> None:
    """Remove a folder and all in it, if it is there."""
    shutil.rmtree(folder, ignore_errors=not folder.exists())
