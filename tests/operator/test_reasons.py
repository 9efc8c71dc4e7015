"""Reasons from API objects as a cluster gives them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prlcoder.operator.constants import Reason
from prlcoder.operator.observed import ObservedJob, ObservedPod
from prlcoder.operator.reasons import why_ended, why_servers_fail, why_waiting

JOB: dict[str, Any] = {
    "metadata": {"name": "example-sft", "uid": "job", "creationTimestamp": "2026-01-01T00:00:00Z"},
    "spec": {"suspend": False},
}
LIMITS = {"limits": {"memory": "4Gi"}, "requests": {"memory": "2Gi"}}


def job(**changes: Any) -> ObservedJob:
    """The Job, with fields of the document replaced."""
    return ObservedJob.read({**JOB, **changes})


def pod(status: dict[str, Any]) -> ObservedPod:
    """A pod of the Job with this status."""
    metadata = {
        "name": "example-sft-0-x",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "ownerReferences": [{"uid": "job", "controller": True}],
    }
    spec = {"containers": [{"name": "stage", "resources": LIMITS}], "initContainers": [{"name": "preflight"}]}
    return ObservedPod.read({"metadata": metadata, "spec": spec, "status": status})


def waiting(reason: str, message: str) -> dict[str, Any]:
    """A status whose stage container cannot start."""
    state = {"waiting": {"reason": reason, "message": message}}
    return {"phase": "Pending", "containerStatuses": [{"name": "stage", "state": state}]}


def ended(container: str, code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    """A status whose container ended."""
    state = {"terminated": {"exitCode": code, "reason": reason, "message": message}}
    key = "containerStatuses" if container == "stage" else "initContainerStatuses"
    return {"phase": "Failed", key: [{"name": container, "state": state}]}


def unscheduled(message: str) -> dict[str, Any]:
    """A status of a pod without a node."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return {"phase": "Pending", "conditions": [condition]}


@pytest.mark.parametrize(
    ("status", "warnings", "reason"),
    [
        (waiting("ErrImagePull", "not found"), [], Reason.IMAGE_PULL),
        (waiting("ImagePullBackOff", 'Back-off pulling image "x"'), [], Reason.IMAGE_PULL),
        (waiting("CreateContainerConfigError", 'secret "hub" not found'), [], Reason.SECRET_MISSING),
        (
            waiting("CreateContainerConfigError", "couldn't find key TOKEN in Secret default/hub"),
            [],
            Reason.SECRET_MISSING,
        ),
        (unscheduled("0/3 nodes are available: 3 Insufficient nvidia.com/gpu."), [], Reason.UNSCHEDULABLE),
        (
            unscheduled("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."),
            [],
            Reason.VOLUME_WAIT,
        ),
        (unscheduled('persistentvolumeclaim "prlcoder-runs" not found'), [], Reason.VOLUME_WAIT),
        ({"phase": "Pending"}, [("FailedMount", 'secret "hub" not found')], Reason.SECRET_MISSING),
        ({"phase": "Pending"}, [("FailedMount", "timed out waiting for the condition")], Reason.VOLUME_WAIT),
    ],
)
def test_why_a_pod_waits(status: dict[str, Any], warnings: list[tuple[str, str]], reason: Reason) -> None:
    found = why_waiting(job(), [pod(status)], warnings)
    assert found is not None
    assert (found.reason, found.message.startswith("example-sft-0-x: ")) == (reason, True)


def test_a_pod_that_merely_starts_waits_for_nothing() -> None:
    assert why_waiting(job(), [pod(waiting("ContainerCreating", ""))]) is None
    assert why_waiting(job(), []) is None


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        ('pods "x" is forbidden: exceeded quota: gpus', Reason.QUOTA_WAIT),
        ('serviceaccount "prlcoder-run" not found', Reason.UNSCHEDULABLE),
    ],
)
def test_a_pod_that_is_refused_shows_in_an_event_of_the_job(refusal: str, reason: Reason) -> None:
    found = why_waiting(job(), [], [("FailedCreate", refusal)])
    assert found is not None
    assert (found.reason, found.message) == (reason, f"example-sft: {refusal}")


@pytest.mark.parametrize(
    ("status", "reason", "part"),
    [
        (ended("stage", 137, "OOMKilled"), Reason.OUT_OF_MEMORY, "memory limit 4Gi, request 2Gi"),
        (ended("stage", 1, message="ValueError: x"), Reason.CRASHED, "exit code 1; its last lines: ValueError: x"),
        (ended("stage", 137), Reason.CRASHED, "exit code 137 (killed)"),
        (ended("stage", 65, message="bad spec"), Reason.CONFIG_ERROR, "exit code 65"),
        (ended("preflight", 75, message="storage: read-only file system"), Reason.STORAGE_UNWRITABLE, "read-only"),
        (ended("preflight", 75, message="service: executor refuses"), Reason.SERVICE_UNAVAILABLE, "executor"),
        (ended("preflight", 75, message="gpu: none is visible"), Reason.PREFLIGHT_FAILED, "none is visible"),
    ],
)
def test_why_a_pod_ended(status: dict[str, Any], reason: Reason, part: str) -> None:
    found = why_ended(pod(status))
    assert found is not None
    assert found.reason == reason
    assert part in found.message


def test_a_disrupted_pod_is_no_crash() -> None:
    status = ended("stage", 143)
    status["conditions"] = [{"type": "DisruptionTarget", "status": "True", "message": "preempted"}]
    found = why_ended(pod(status))
    assert found is not None
    assert (found.reason, found.message) == (Reason.DISRUPTED, "example-sft-0-x: preempted")


def test_a_suspended_job_in_a_queue_waits_for_quota() -> None:
    metadata = {**JOB["metadata"], "labels": {"kueue.x-k8s.io/queue-name": "gpus"}}
    condition = {"type": "Suspended", "status": "True", "message": "insufficient quota for nvidia.com/gpu"}
    found = why_waiting(job(metadata=metadata, spec={"suspend": True}, status={"conditions": [condition]}), [])
    assert found is not None
    assert found.reason == Reason.QUOTA_WAIT
    assert found.message == "waits in queue gpus: insufficient quota for nvidia.com/gpu"


def test_every_reason_has_its_line_in_the_documentation() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    assert rows == {str(reason) for reason in Reason}


def with_sidecar(phase: str, **server: Any) -> ObservedPod:
    """A pod with a sidecar of this container status."""
    sidecar = {"name": "prm", "restartPolicy": "Always", "resources": LIMITS}
    document = {
        "metadata": {"name": "example-policy-0-x", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"containers": [{"name": "stage"}], "initContainers": [{"name": "preflight"}, sidecar]},
        "status": {"phase": phase, "initContainerStatuses": [{"name": "prm", **server}]},
    }
    return ObservedPod.read(document)


LOADING: dict[str, Any] = {"state": {"running": {}}, "started": False}
BACK_OFF: dict[str, Any] = {"state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}}


def last_end(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    """How a container ended before it was restarted."""
    return {"lastState": {"terminated": {"exitCode": code, "reason": reason, "message": message}}}


@pytest.mark.parametrize(
    ("pod_with_server", "reason", "part"),
    [
        (with_sidecar("Pending", **LOADING, restartCount=0), None, ""),
        (
            with_sidecar("Pending", **BACK_OFF, restartCount=1, **last_end(2, message="no such model")),
            Reason.SERVICE_UNAVAILABLE,
            "the prm server does not serve and was restarted once; container prm ended with exit code 2; its last "
            "lines: no such model",
        ),
        (
            with_sidecar("Pending", **LOADING, restartCount=3, **last_end(137, "OOMKilled")),
            Reason.OUT_OF_MEMORY,
            "restarted 3 times; the container used more memory than it may (memory limit 4Gi",
        ),
        (with_sidecar("Running", **LOADING, restartCount=1, **last_end(137)), None, ""),
        (with_sidecar("Running", state={"running": {}}, started=True, restartCount=9, **last_end(137)), None, ""),
        (with_sidecar("Running", **LOADING, restartCount=2, **last_end(1)), Reason.SERVICE_UNAVAILABLE, "2 times"),
        (with_sidecar("Running", **BACK_OFF, restartCount=5, **last_end(1)), Reason.SERVICE_UNAVAILABLE, "5 times"),
    ],
)
def test_a_server_that_does_not_serve_is_named_and_one_that_was_restarted_once_is_not(
    pod_with_server: ObservedPod, reason: Reason | None, part: str
) -> None:
    found = why_servers_fail([pod_with_server])
    assert (found and found.reason) == reason
    assert part in (found.message if found else "")


def test_the_end_of_a_sidecar_is_no_end_of_its_pod() -> None:
    status = {"state": {"terminated": {"exitCode": 137, "reason": "Error"}}, "restartCount": 1}
    assert why_ended(with_sidecar("Running", **status)) is None
