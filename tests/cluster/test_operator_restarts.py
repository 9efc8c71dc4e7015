"""An operator that dies at any moment leaves nothing behind that the next one does not understand."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.control_plane import ControlPlane
from tests.cluster.operator_process import operator, play, pod_of, training_run


def test_an_operator_that_was_killed_goes_on(plane: ControlPlane, tmp_path: Path) -> None:
    with operator(plane, tmp_path / "log"):
        plane.apply(training_run("again"))
        pod = pod_of(plane, "pretrain", "again")
    play(plane, pod, "Succeeded")
    with operator(plane, tmp_path / "log"):
        pod_of(plane, "supervise", "again")
    names = [job["metadata"]["name"] for job in plane.get("jobs", "-l", "prlcoder.dev/run=again")["items"]]
    assert sorted(names) == ["again-pretrain", "again-supervise"]
