"""``prlcoder preflight`` names what is missing before a stage starts."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from prlcoder.cli.main import main

MANIFEST = """\
apiVersion: prlcoder.dev/v1alpha1
kind: TrainingRun
metadata: {name: example}
spec:
  model: {scratch: {preset: nano}, promptTemplate: nano}
  problems: {source: nano}
  supervision: {teachers: [{kind: rules}]}
  storage: {uri: STORAGE}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A manifest whose storage is a folder that does not exist yet."""
    path = tmp_path / "run.yaml"
    path.write_text(MANIFEST.replace("STORAGE", str(tmp_path / "storage")))
    return path


def test_a_machine_that_has_everything_passes_and_nothing_is_left(file: Path, tmp_path: Path) -> None:
    assert main(["preflight", str(file), "--stage", "supervise"]) == 0
    assert list((tmp_path / "storage").iterdir()) == []


def test_storage_that_cannot_be_written_is_named(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "storage").write_text("a file in the place of the folder")
    assert main(["preflight", str(file), "--stage", "supervise"]) == 75
    assert capsys.readouterr().err.startswith(f"storage: {tmp_path / 'storage'} cannot be written (")


def test_a_service_that_does_not_listen_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, but it does not listen
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        monkeypatch.setenv("PRLCODER_EXECUTOR", address)
        assert main(["preflight", str(file), "--stage", "supervise"]) == 75
    assert capsys.readouterr().err.startswith(f"service: the executor at {address} cannot be reached (")


def test_a_service_that_the_stage_does_not_use_does_not_matter(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRLCODER_EXECUTOR", "nowhere")
    assert main(["preflight", str(file), "--stage", "sft"]) == 0
    assert main(["preflight", str(file), "--stage", "supervise"]) == 75
    assert os.environ["PRLCODER_EXECUTOR"] == "nowhere"
