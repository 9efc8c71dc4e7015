"""A run of fake stages in real processes: the real command line, engine, run folder and report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MANIFEST = """\
apiVersion: prlcoder.dev/v1alpha1
kind: TrainingRun
metadata: {name: example}
spec:
  model: {scratch: {preset: nano}, promptTemplate: nano}
  problems: {source: nano, split: {by: published}, nano: {train: 4, validation: 2, test: 4}}
  supervision: {teachers: [{kind: rules}]}
  sft: {}
  reward: {}
  policy: {}
  evaluation: {}
"""
STAGES = ("pretrain", "supervise", "sft", "reward", "policy", "evaluate")
FOLDERS = ("pretrain", "supervision", "sft", "reward", "policy", "evaluation")
Popen = subprocess.Popen[str]


@dataclass
class Workplace:
    """A folder with a manifest, in which ``prlcoder`` is run."""

    path: Path
    started: list[Popen] = field(default_factory=list)

    @property
    def run_folder(self) -> Path:
        return self.path / "runs" / "example"

    def prlcoder(self, *arguments: str, fake: str = "", **options: Any) -> subprocess.CompletedProcess[str]:
        """Run the command to its end. ``fake`` tells ``fake_stage`` where to fail or pause."""
        process = self.start(*arguments, fake=fake, **options)
        out, err = process.communicate(timeout=400)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def start(self, *arguments: str, fake: str = "", **options: Any) -> Popen:
        """Start the command."""
        process = subprocess.Popen(
            [sys.executable, str(HERE / "fake_prlcoder.py"), *arguments],
            cwd=self.path,
            env={**os.environ, "FAKE": fake, "FAKE_FIFO": str(self.path / "fifo")},
            text=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )
        self.started.append(process)
        return process

    def start_and_wait_until(self, where: str, *arguments: str) -> Popen:
        """Start a run and return when the stage is at unit ``where`` (``stage:unit``), paused there."""
        os.mkfifo(self.path / "fifo")
        process = self.start("run", "run.yaml", *arguments, fake=f"{where}:pause")
        with (self.path / "fifo").open() as ready:
            assert ready.read() == "here\n"
        (self.path / "fifo").unlink()
        return process

    def stop(self, where: str, signum: signal.Signals, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run until the stage is at ``where``, then send the signal."""
        process = self.start_and_wait_until(where, *arguments)
        process.send_signal(signum)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def state(self) -> dict[str, dict[str, Any]]:
        """The stages' records in state.json."""
        stages: dict[str, dict[str, Any]] = json.loads((self.run_folder / "state.json").read_text())["stages"]
        return stages

    def attempts(self) -> dict[str, int]:
        """The number of attempts of each stage."""
        return {name: record["attempt"] for name, record in self.state().items()}

    def stored_artefacts(self, folder: Any) -> dict[str, str]:
        """As ``artefacts``, from the ``Location`` of a run in an object store."""
        return {name: (folder / name / "digest.json").read_bytes().decode() for name in FOLDERS}

    def artefacts(self) -> dict[str, str]:
        """The published content of each stage, without times and attempts."""
        return {name: (self.run_folder / name / "digest.json").read_text() for name in FOLDERS}
