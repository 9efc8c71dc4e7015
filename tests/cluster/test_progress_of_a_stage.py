"""The operator reads the progress of a real stage's process, and writes it into the run's status."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.control_plane import ControlPlane, free_ports
from tests.cluster.operator_process import eventually, operator, play, pod_of, training_run

STAGE = """
import sys
from prlcoder.runs.stage_progress import StageInProgress, progress_served
from prlcoder.telemetry.progress import Progress

running = StageInProgress("pretrain")
with progress_served(running), Progress("pretrain", total=600, unit="steps", done=100) as progress:
    progress.advance(20, tokens=18_000)
    running.note_checkpoint("checkpoint-120")
    print("serving", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def port() -> int:
    """The port on which this module's stages answer."""
    return free_ports(1)[0]


@pytest.fixture(scope="module", autouse=True)
def _operator(plane: ControlPlane, port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with operator(plane, tmp_path_factory.mktemp("operator") / "log", PRLCODER_OPERATOR_PROGRESS_PORT=str(port)):
        yield


def status(plane: ControlPlane, run: str) -> dict[str, Any]:
    """The status of a run."""
    found: dict[str, Any] = plane.get("trun", run).get("status", {})
    return found


def test_step_checkpoint_and_rates_reach_the_status(plane: ControlPlane, port: int, tmp_path: Path) -> None:
    environment = {"PRLCODER_PROGRESS_PORT": str(port), "PYTHONPATH": ":".join(sys.path)}
    stage = subprocess.Popen(
        [sys.executable, "-c", STAGE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert stage.stdout is not None
        assert stage.stdout.readline() == "serving\n"
        plane.apply(training_run("counts"))
        pod = pod_of(plane, "pretrain", "counts")
        play(plane, pod, "Running", address="127.0.0.1")
        seen = eventually(lambda: status(plane, "counts") if "step" in status(plane, "counts") else None, "the step")
    finally:
        stage.kill()
        stage.wait()
    assert seen["step"] == "120/600"
    assert "eta" in seen
    (first, *_) = seen["stages"]
    assert (first["step"], first["checkpoint"]) == ("120/600", "checkpoint-120")
    assert {metric["name"] for metric in first["metrics"]} == {"steps_per_second", "tokens_per_second"}
    assert "120/600" in plane.kubectl("get", "trun", "counts").stdout
    assert "ETA" in plane.kubectl("get", "trun", "counts", "-o", "wide").stdout
    play(plane, pod, "Succeeded", message='{"stage": "pretrain", "metrics": {"loss": 0.125}}')

    def done() -> dict[str, Any] | None:
        (pretrain, *_) = status(plane, "counts")["stages"]
        return pretrain if pretrain["state"] == "Done" else None

    first = eventually(done, "the end of the stage")
    assert first["step"] == "600/600"
    assert first["metrics"] == [{"name": "loss", "value": "0.125"}]


def test_a_stage_that_hung_is_restarted_once_and_then_fails(plane: ControlPlane) -> None:
    plane.apply(training_run("hangs"))
    last = "stage pretrain: no work was finished for 1800 s (spec.progressDeadlineSeconds)"
    play(plane, pod_of(plane, "pretrain", "hangs"), "Failed", exitCode=79, reason="Error", message=last)
    second = pod_of(plane, "pretrain", "hangs")
    play(plane, second, "Running")
    plane.kubectl("wait", "--for=condition=Stalled", "trun/hangs", "--timeout=60s")
    stalled = next(one for one in status(plane, "hangs")["conditions"] if one["type"] == "Stalled")
    assert stalled["reason"] == "NoProgress"
    play(plane, second, "Failed", exitCode=79, reason="Error", message=last)
    plane.kubectl("wait", "--for=condition=Failed", "trun/hangs", "--timeout=60s")
    failed = next(one for one in status(plane, "hangs")["conditions"] if one["type"] == "Failed")
    assert failed["reason"] == "NoProgress"
    events = plane.get("events", "--field-selector", "involvedObject.name=hangs")["items"]
    assert [event["reason"] for event in events].count("NoProgress") == 2  # Degraded, then Failed
