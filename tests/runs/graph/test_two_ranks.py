"""A training stage in two processes: one folder is published, with the weights that both have trained."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.needs_torch]
MANIFEST = """\
apiVersion: prlcoder.dev/v1alpha1
kind: TrainingRun
metadata: {name: example}
spec:
  model: {scratch: {preset: nano}, promptTemplate: nano, maxLength: 320}
  problems: {source: nano, split: {by: published}, nano: {train: 4, validation: 2, test: 2}}
  pretrain: {programs: 96, batchSize: 8, saveSteps: 2, noisy: false}
"""


def launched(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in two ranks of one node, as a pod with two GPUs does."""
    environment = {**os.environ, "PET_NNODES": "1", "PET_NPROC_PER_NODE": "2", "PET_STANDALONE": "1"}
    command = [sys.executable, "-m", "prlcoder.runs.launch_ranks", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_two_ranks_publish_one_folder(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(MANIFEST)
    done = launched(tmp_path, "run", "run.yaml", "--stage", "pretrain")
    assert done.returncode == 0, done.stderr[-3000:]
    folder = tmp_path / "runs" / "example"
    state = json.loads((folder / "state.json").read_text())["stages"]["pretrain"]
    assert (state["status"], state["attempt"]) == ("done", 1)
    assert (folder / "pretrain" / "model.safetensors").exists()
    log = (folder / "logs" / "pretrain.log").read_text()
    assert "6/6 steps" in log  # 96 programs, 8 per step and rank
    assert (folder / "logs" / "pretrain-rank-1.log").exists()
    again = launched(tmp_path, "run", "run.yaml", "--stage", "pretrain")
    assert again.returncode == 0, again.stderr[-3000:]
    assert again.stderr.count("not run again") == 2


def test_the_exit_code_is_that_of_the_rank_that_failed(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(MANIFEST.replace("saveSteps: 2", "saveStep: 2"))
    refused = launched(tmp_path, "run", "run.yaml", "--stage", "pretrain")
    assert refused.returncode == 2
    assert "did you mean `saveSteps`?" in refused.stderr
