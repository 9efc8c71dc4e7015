"""The quickstart's supervision, at a reduced size and with both of its teachers (rules and policy), has the same
content over ``prlcoder serve all`` as in one process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from load_servers import tiny_prm
from prlcoder.cli.serve_all import read_ready

ROOT = Path(__file__).resolve().parents[3]
pytestmark = [pytest.mark.slow, pytest.mark.needs_sandbox, pytest.mark.needs_torch]


def reduced(folder: Path, name: str, changes: Mapping[str, Any]) -> Path:
    """``examples/quickstart.yaml`` up to ``supervise``, of few problems and programs, with ``changes`` to its spec."""
    document = yaml.safe_load((ROOT / "examples" / "quickstart.yaml").read_text())
    spec = document["spec"]
    kept = {part: spec[part] for part in ("seed", "model", "segmentation", "execution", "supervision")}
    document["metadata"]["name"] = name
    document["spec"] = {
        **kept,
        "problems": {"source": "nano", "nano": {"train": 12, "validation": 6, "test": 6}},
        "pretrain": {**spec["pretrain"], "programs": 600},
        "storage": {"uri": str(folder)},
        **changes,
    }
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(document))
    return file


def run(manifest: Path) -> dict[str, Any]:
    """The supervision's manifest of a finished run."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PRLCODER_")}
    done = subprocess.run(
        [sys.executable, "-m", "prlcoder.cli", "run", str(manifest)],
        capture_output=True,
        text=True,
        check=False,
        env=clean,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    text = (manifest.parent / manifest.stem / "supervision" / "manifest.json").read_text()
    found: dict[str, Any] = json.loads(text)
    return found


@contextmanager
def all_services(folder: Path, policy: Path) -> Iterator[dict[str, dict[str, str | None]]]:
    """The addresses of the five services."""
    ready, log = folder / "ready.json", folder / "serve.log"
    command = [
        sys.executable,
        "-m",
        "prlcoder.cli",
        "serve",
        "all",
        "--prm-model",
        str(tiny_prm(folder, 0)),
        "--policy-model",
        str(policy),
        "--engine",
        "transformers",
        "--template",
        "nano",
        "--ready-file",
        str(ready),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        while not ready.exists():
            assert process.poll() is None, log.read_text()[-3000:]
            time.sleep(0.05)
        yield read_ready(ready)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.terminate()
        process.wait()


def test_the_content_hash_of_the_supervision_is_the_same(tmp_path: Path) -> None:
    here = run(reduced(tmp_path, "here", {}))
    base = tmp_path / "here" / "pretrain"
    with all_services(tmp_path, base) as services:
        changes = {
            "pretrain": {"from": str(base)},
            "services": {name: services[name]["grpc"] for name in ("segmenter", "mutator", "executor", "policy")},
        }
        there = run(reduced(tmp_path, "there", changes))
    calls = (tmp_path / "serve.log").read_text()
    assert there["content_hash"] == here["content_hash"]
    assert there["counts"]["steps"] == here["counts"]["steps"] > 100
    for method in ("Segmenter/Segment", "Mutator/Propose", "Executor/ExecuteBatch", "Policy/Generate"):
        service, _, name = method.partition("/")
        assert f"/prlcoder.v1.{service}Service/{name}" in calls  # it was the services' work
