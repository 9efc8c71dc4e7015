"""The operator in a process of its own, against a control plane, and a kubelet's part played by hand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from tests.cluster.control_plane import ControlPlane

T = TypeVar("T")
PATIENCE_S: Final = 60.0


@contextmanager
def operator(plane: ControlPlane, log: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A running operator with these environment variables; it is killed at the end."""
    environment = {
        **os.environ,
        "KUBECONFIG": str(plane.kubeconfig),
        "PRLCODER_OPERATOR_RESYNC_S": "5",
        "PRLCODER_OPERATOR_PROBE_PORT": "0",
        **settings,
    }
    with open(log, "ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "prlcoder.operator"], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        print(log.read_text(errors="replace")[-6000:])  # pytest shows it where a test has failed


def eventually(look: Callable[[], T | None], what: str) -> T:
    """What ``look`` finds once it finds something."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := look()) is None or found is False:
        assert time.monotonic() < deadline, f"{what} did not happen within {PATIENCE_S:.0f} s"
        time.sleep(0.2)
    return found


def pod_of(plane: ControlPlane, stage: str, run: str) -> dict[str, Any]:
    """The newest pod of a stage, once the Job controller has made it."""

    def look() -> dict[str, Any] | None:
        selector = f"prlcoder.dev/run={run},prlcoder.dev/stage={stage}"
        pods = plane.get("pods", "-l", selector)["items"]
        live = [pod for pod in pods if pod.get("status", {}).get("phase", "Pending") == "Pending"]
        return live[-1] if live else None

    return eventually(look, f"a pod of {run}'s stage {stage}")


def play(plane: ControlPlane, pod: dict[str, Any], phase: str, address: str | None = None, **ended: Any) -> None:
    """Write the status of a pod as a kubelet would: ``Running``, ``Succeeded``, or ``Failed`` with how it ended."""
    state: dict[str, Any] = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    if phase != "Running":
        state = {"terminated": {"exitCode": 0, "reason": "Completed", **ended}}
    container = {
        "name": "stage",
        "image": "x",
        "imageID": "x",
        "ready": phase == "Running",
        "restartCount": 0,
        "state": state,
    }
    status: dict[str, Any] = {"phase": phase, "containerStatuses": [container]}
    if address is not None:
        status |= {"podIP": address, "podIPs": [{"ip": address}]}
    plane.set_status("pod", pod["metadata"]["name"], status)


def training_run(name: str, **changes: Any) -> dict[str, Any]:
    """A small run of three stages."""
    spec: dict[str, Any] = {
        "model": {"scratch": {"preset": "nano"}, "promptTemplate": "nano"},
        "problems": {"source": "nano"},
        "pretrain": {},
        "supervision": {"teachers": [{"kind": "rules"}]},
        "evaluation": {"benchmarks": [{"source": "held-out"}]},
    }
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "prlcoder.dev/v1alpha1", "kind": "TrainingRun", "metadata": metadata, "spec": spec | changes}
