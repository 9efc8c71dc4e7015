"""The folder of a run: the names of its files, and the moves that publish and withdraw artefacts.

The names are listed in ``docs/reference/contracts.md#3``. Publishing is one rename, so a stage's folder is complete or
absent. ``stage.json`` inside it records the attempt that made it. A folder of an earlier attempt is thereby told from a
finished one even if the run was killed between the rename and the next write of ``state.json``.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from prlcoder.files import write_json
from prlcoder.runs.object_store import RECORD, ObjectStore, scratch_folder
from prlcoder.runs.state import StageRecord
from prlcoder.spec import STAGES, TrainingRun
from prlcoder.storage import Location


@dataclass(frozen=True)
class RunFolder:
    """Paths in the folder of one run. Where the run is kept in an object store, they are in its scratch folder."""

    location: Location

    @classmethod
    def of(cls, run: TrainingRun) -> RunFolder:
        """The folder that the spec names."""
        return cls(run.folder())

    @property
    def path(self) -> Path:
        """The folder as a path of this machine."""
        return Path(self.location.path).expanduser() if self.location.local else scratch_folder(self.location)

    def store(self) -> ObjectStore | None:
        """The object store in which the run is kept, or None for a run on this machine."""
        return None if self.location.local else ObjectStore(self.location, self.path)

    @property
    def manifest(self) -> Path:
        """The resolved spec."""
        return self.path / "run.yaml"

    @property
    def state(self) -> Path:
        """The progress of each stage."""
        return self.path / "state.json"

    @property
    def estimate(self) -> Path:
        """What each stage was expected to need when the run began."""
        return self.path / "estimate.json"

    @property
    def splits(self) -> Path:
        """The problem ids of the three splits."""
        return self.path / "splits.json"

    @property
    def quarantine(self) -> Path:
        """The records that were skipped when the problems were read."""
        return self.path / "quarantine.jsonl"

    @property
    def lock(self) -> Path:
        """The file that is locked while a process works here."""
        return self.path / ".lock"

    def log(self, stage: str) -> Path:
        """What a stage printed, one attempt after the other."""
        return self.path / "logs" / f"{stage}.log"

    def artifact(self, stage: str) -> Path:
        """The published folder of a stage."""
        return self.path / STAGES[stage].folder

    def scratch(self, stage: str) -> Path:
        """All files of an unfinished stage."""
        return self.path / ".work" / stage

    def work(self, stage: str) -> Path:
        """The files of an unfinished stage that survive a kill."""
        return self.scratch(stage) / "kept"

    def output(self, stage: str) -> Path:
        """The files that an unfinished stage is about to publish."""
        return self.scratch(stage) / "output"

    def prepare(self, stage: str) -> None:
        """Before an attempt: withdraw the stage's old artefact, and give the stage an empty output folder."""
        self.withdraw(stage)
        remove(self.output(stage))
        self.work(stage).mkdir(parents=True, exist_ok=True)
        self.output(stage).mkdir()

    def publish(self, stage: str, record: StageRecord) -> None:
        """Make the output folder the stage's artefact, and remove the files for resuming."""
        write_json(self.output(stage) / RECORD, asdict(record))
        os.replace(self.output(stage), self.artifact(stage))
        remove(self.scratch(stage))

    def published(self, stage: str) -> StageRecord | None:
        """The record inside the stage's artefact; None if this engine has published no artefact there."""
        try:
            data = json.loads((self.artifact(stage) / RECORD).read_text("utf-8"))
            return StageRecord(**data)
        except (OSError, ValueError, TypeError):
            return None

    def withdraw(self, stage: str) -> None:
        """Remove the stage's artefact. One rename takes it away first, so nobody sees it half removed."""
        artifact = self.artifact(stage)
        if artifact.is_symlink():
            artifact.unlink()
        elif artifact.exists():
            retired = self.path / ".work" / f"{stage}.old"
            remove(retired)
            retired.parent.mkdir(exist_ok=True)
            os.replace(artifact, retired)
            remove(retired)

    def link(self, stage: str, given: Path) -> None:
        """Make the stage's artefact a link to a folder elsewhere (the spec's ``from``)."""
        artifact = self.artifact(stage)
        if artifact.is_symlink() and artifact.resolve() == given.resolve():
            return
        self.withdraw(stage)
        artifact.symlink_to(given.resolve(), target_is_directory=True)


def remove(folder: Path) -> None:
    """Remove a folder and its contents, if it exists."""
    shutil.rmtree(folder, ignore_errors=not folder.exists())
