"""The operator's process against a real API server and a real Job controller."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.operator_process import eventually, operator, play, pod_of, training_run

STAGES = ("pretrain", "supervise", "evaluate")


@pytest.fixture(scope="module", autouse=True)
def _operator(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with operator(plane, tmp_path_factory.mktemp("operator") / "log"):
        yield


def condition(plane: ControlPlane, name: str, kind: str) -> dict[str, Any] | None:
    """A condition of a run if it holds."""
    found = plane.get("trun", name).get("status", {}).get("conditions", [])
    return next((one for one in found if one["type"] == kind and one["status"] == "True"), None)


def test_a_run_goes_through_its_stages(plane: ControlPlane) -> None:
    plane.apply(training_run("whole"))
    for stage in STAGES:
        pod = pod_of(plane, stage, "whole")
        play(plane, pod, "Running")
        play(plane, pod, "Succeeded")
    plane.kubectl("wait", "--for=condition=Complete", "trun/whole", "--timeout=60s")
    status = plane.get("trun", "whole")["status"]
    assert [(stage["name"], stage["state"]) for stage in status["stages"]] == [(stage, "Done") for stage in STAGES]
    events = plane.get("events", "--field-selector", "involvedObject.name=whole")["items"]
    assert [event["reason"] for event in events] == ["AllStagesDone"]


def test_a_crash_is_the_jobs_affair_and_a_configuration_error_ends_the_run(plane: ControlPlane) -> None:
    plane.apply(training_run("fails"))
    play(plane, pod_of(plane, "pretrain", "fails"), "Failed", exitCode=1, reason="Error", message="boom")
    play(plane, pod_of(plane, "pretrain", "fails"), "Failed", exitCode=65, reason="Error", message="no such field")
    failed = eventually(lambda: condition(plane, "fails", "Failed"), "the failure")
    assert failed["reason"] == "ConfigError"
    assert "no such field" in failed["message"]
    (job,) = plane.get("jobs", "-l", "prlcoder.dev/run=fails")["items"]
    assert job["status"]["failed"] == 2


def test_deleting_a_run_removes_its_children(plane: ControlPlane) -> None:
    plane.apply(training_run("goes"))
    pod_of(plane, "pretrain", "goes")
    plane.kubectl("delete", "trun", "goes", "--wait=false")
    eventually(
        lambda: not plane.get("jobs,configmaps,pods", "-l", "prlcoder.dev/run=goes")["items"] or None, "the clean-up"
    )


def test_suspending_removes_the_pod_and_resuming_brings_another(plane: ControlPlane) -> None:
    plane.apply(training_run("rests"))
    first = pod_of(plane, "pretrain", "rests")["metadata"]["uid"]
    plane.kubectl("patch", "trun", "rests", "--type=merge", "-p", '{"spec":{"suspend":true}}')
    plane.kubectl("wait", "--for=condition=Suspended", "trun/rests", "--timeout=60s")
    eventually(lambda: not plane.get("pods", "-l", "prlcoder.dev/run=rests")["items"] or None, "the pod's end")
    plane.kubectl("patch", "trun", "rests", "--type=merge", "-p", '{"spec":{"suspend":false}}')
    assert pod_of(plane, "pretrain", "rests")["metadata"]["uid"] != first


def test_somebody_elses_job_is_left_alone(plane: ControlPlane) -> None:
    container = {"name": "x", "image": "x"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    foreign = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "taken-pretrain"}}
    plane.apply(foreign | {"spec": {"template": template}})
    plane.apply(training_run("taken"))
    failed = eventually(lambda: condition(plane, "taken", "Failed"), "the conflict")
    assert failed["reason"] == "NameConflict"
    assert "ownerReferences" not in plane.get("job", "taken-pretrain")["metadata"]


def test_the_next_run_takes_over_the_served_model(plane: ControlPlane) -> None:
    """One Deployment and one Service, which belong to the run that finished last."""
    for name in ("first", "second"):
        run = training_run(name, reward={"kind": "prm"}, serve={"prm": True})
        plane.apply(run)
        for stage in ("pretrain", "supervise", "reward", "evaluate"):
            play(plane, pod_of(plane, stage, name), "Succeeded")
        plane.kubectl("wait", "--for=condition=Complete", f"trun/{name}", "--timeout=60s")
        uid = plane.get("trun", name)["metadata"]["uid"]
        for kind in ("deployment", "service"):
            served = plane.get(kind, "prlcoder-served-prm")
            assert [owner["uid"] for owner in served["metadata"]["ownerReferences"]] == [uid]
        (container,) = plane.get("deployment", "prlcoder-served-prm")["spec"]["template"]["spec"]["containers"]
        assert f"--model=/var/lib/prlcoder/{name}/reward" in container["args"]
    plane.kubectl("delete", "trun", "first", "second")
    eventually(lambda: not plane.get("deployments")["items"], "the end of the Deployment")
