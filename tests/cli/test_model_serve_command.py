"""``prlcoder serve prm`` and ``prlcoder serve policy`` as processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fixtures.serving import eventually

from prlcoder.cli.serve_all import read_ready
from prlcoder.problems.prompts import Prompt
from prlcoder.segmenter import segment
from prlcoder.stages.remote_engine import RemoteEngine
from prlcoder.stages.remote_scorer import RemoteScorer

pytestmark = pytest.mark.needs_torch

PROGRAM = "a = 1\nb = a\n"


def serve(service: str, ready: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "prlcoder.cli", "serve", service, "--ready-file", str(ready), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_both_serve_and_end_on_a_signal(
    tmp_path: Path, reward_models: dict[str, Path], policies: dict[str, Path]
) -> None:
    files = {name: tmp_path / name for name in ("prm", "policy")}
    running = {
        "prm": serve("prm", files["prm"], "--model", str(reward_models["first"]), "--template", "plain"),
        "policy": serve(
            "policy",
            files["policy"],
            "--model",
            str(policies["first"]),
            "--engine",
            "transformers",
            "--max-new-tokens",
            "5",
        ),
    }
    try:
        for name, process in running.items():
            eventually(lambda name=name, process=process: files[name].exists() or process.poll() is not None)
            assert process.poll() is None, process.communicate()
        with RemoteScorer(read_ready(files["prm"])["prm"]["grpc"]) as scorer:
            ((*scores,),) = scorer.score([(Prompt("", "", ""), PROGRAM, segment(PROGRAM, "line"))])
            assert [(one.start, one.end) for one in scores] == [(0, 6), (6, 12)]
        with RemoteEngine(read_ready(files["policy"])["policy"]["grpc"]) as engine:
            assert len(engine.generate(["def f"], samples=2, temperature=1.0, seed=0)[0]) == 2
        for process in running.values():
            process.send_signal(signal.SIGTERM)
            process.communicate()
            assert process.returncode == 0
    finally:
        for process in running.values():
            process.kill()
            process.communicate()


def test_a_model_that_cannot_be_served_is_one_message(tmp_path: Path, policies: dict[str, Path]) -> None:
    process = serve("prm", tmp_path / "ready", "--model", str(policies["first"]))
    _, errors = process.communicate()
    assert process.returncode == 2
    assert "is not a reward model" in errors
    assert "Traceback" not in errors
