"""The supervision of a run built in shards, by several processes at once, is the one that is built in one piece."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MANIFEST = """\
apiVersion: prlcoder.dev/v1alpha1
kind: TrainingRun
metadata: {{name: example}}
spec:
  model: {{scratch: {{preset: nano}}, promptTemplate: nano}}
  problems: {{source: nano, split: {{by: published}}, nano: {{train: 8, validation: 2, test: 2}}}}
  execution: {{cpuLimit: 1, wallLimit: 5, memoryLimit: 256, workers: 1}}
  pretrain: {{from: {pretrain}}}
  supervision: {{teachers: [{{kind: rules, mutations: 2, refactorings: 1}}]}}
"""


@pytest.fixture
def manifest(tmp_path: Path, nano_folder: Path) -> Path:
    """A run whose model is given, so that nothing is trained."""
    path = tmp_path / "run.yaml"
    path.write_text(MANIFEST.format(pretrain=nano_folder), encoding="utf-8")
    return path


def start(manifest: Path, storage: str, *options: str, **environment: str) -> subprocess.Popen[str]:
    """Start the stage ``supervise`` below ``storage``."""
    command = [sys.executable, "-m", "prlcoder.cli", "run", manifest.name, "--stage", "supervise", *options]
    return subprocess.Popen(
        [*command, "--set", f"storage.uri={storage}"],
        cwd=manifest.parent,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> str:
    """What a process has told on standard error, once it has succeeded."""
    _, told = process.communicate(timeout=500)
    assert process.returncode == 0, told
    return told


def supervision(manifest: Path, storage: str) -> dict[str, Any]:
    """The manifest of a run's supervision."""
    path = manifest.parent / storage / "example" / "supervision" / "manifest.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.needs_sandbox
def test_shards_that_are_built_at_once_have_the_content_of_one_build(manifest: Path) -> None:
    finished(start(manifest, "whole"))
    shards = [start(manifest, "divided", "--shard", f"{number}/3") for number in (1, 2)]
    shards.append(start(manifest, "divided", "--shard", "pod/3", JOB_COMPLETION_INDEX="2"))
    told = "".join(finished(shard) for shard in shards)
    assert told.count("3 shards are merged") == 1
    whole, divided = supervision(manifest, "whole"), supervision(manifest, "divided")
    assert divided["content_hash"] == whole["content_hash"]
    assert divided["counts"] == whole["counts"]
    folder = manifest.parent / "divided" / "example"
    state = json.loads((folder / "state.json").read_text())["stages"]["supervise"]
    assert (state["status"], state["metrics"]["content_hash"]) == ("done", whole["content_hash"])
    assert list((folder / ".work").iterdir()) == []
    assert sorted(path.name for path in (folder / "logs").iterdir()) == [
        f"supervise-{number}-of-3.log" for number in (1, 2, 3)
    ]
    again = finished(start(manifest, "divided", "--shard", "2/3"))
    assert "supervise: finished, not run again" in again


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--shard", "4/3"), "'4/3' is not i/n"),
        (("--shard", "pod/3"), "JOB_COMPLETION_INDEX is not set"),
        (("--shard", "1/2", "--set", "supervision.teachers=[{kind: policy}]"), "build the supervision in one piece"),
    ],
)
def test_a_shard_that_cannot_be_built(manifest: Path, options: tuple[str, ...], message: str) -> None:
    process = start(manifest, "runs", *options)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 2
    assert message in told


def test_only_the_supervision_is_divided(manifest: Path) -> None:
    command = [sys.executable, "-m", "prlcoder.cli", "run", str(manifest), "--shard", "1/2"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "--shard: divides the stage supervise alone; add --stage supervise" in refused.stderr
