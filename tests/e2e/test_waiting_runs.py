"""A run that cannot go on says why in its own description, and no longer once the cause is gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.e2e.cluster import NAMESPACE, Cluster, eventually
from tests.e2e.installation import SANDBOX, SYSTEM, copy_credentials
from tests.e2e.runs import pretraining

WITHIN_S = 180.0


@contextmanager
def stuck(cluster: Cluster, run: dict[str, Any], reason: str, namespace: str = NAMESPACE) -> Iterator[str]:
    """Apply a run and wait until its description names ``reason``; yields the message. At the end it must be gone."""
    name = run["metadata"]["name"]
    cluster.apply(run, namespace=namespace)

    def look() -> dict[str, Any] | None:
        held = cluster.condition(name, "Degraded", namespace)
        return held if held is not None and held["reason"] == reason else None

    found = eventually(look, f"{name}: {reason}", WITHIN_S)
    assert reason in cluster.kubectl("describe", "trun", name, "-n", namespace).stdout
    yield found["message"]
    eventually(lambda: look() is None or None, f"{name}: the end of {reason}")
    cluster.delete_run(name, namespace)


def test_no_node_fits(cluster: Cluster) -> None:
    pods = {"pretrain": {"nodeSelector": {"prlcoder.test/disk": "fast"}}}
    with stuck(cluster, pretraining("homeless", stages=pods), "Unschedulable") as message:
        assert "node affinity/selector" in message
        cluster.kubectl("label", "nodes", "--all", "prlcoder.test/disk=fast")
    cluster.kubectl("label", "nodes", "--all", "prlcoder.test/disk-")


def test_a_secret_is_missing(cluster: Cluster) -> None:
    source = {"secretKeyRef": {"name": "hub", "key": "token"}}
    pods = {"pretrain": {"env": [{"name": "HF_TOKEN", "valueFrom": source}]}}
    with stuck(cluster, pretraining("secretive", stages=pods), "SecretMissing") as message:
        assert 'secret "hub" not found' in message
        cluster.kubectl("create", "secret", "generic", "hub", "-n", NAMESPACE, "--from-literal=token=none")
    cluster.kubectl("delete", "secret", "hub", "-n", NAMESPACE)


def test_a_quota_is_exceeded(cluster: Cluster, other_namespace: str) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    cluster.apply(quota, namespace=other_namespace)
    eventually(
        lambda: cluster.get("quota", "none", namespace=other_namespace).get("status", {}).get("hard"), "the quota"
    )
    with stuck(cluster, pretraining("rationed"), "QuotaWait", other_namespace) as message:
        assert "exceeded quota: none" in message
        cluster.kubectl("delete", "quota", "none", "-n", other_namespace)


def test_the_volume_is_unbound(cluster: Cluster, other_namespace: str) -> None:
    with stuck(cluster, pretraining("volumeless"), "VolumeWait", other_namespace) as message:
        assert "prlcoder-runs" in message
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "prlcoder-runs"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
        cluster.apply(*_volume(cluster), claim, namespace=other_namespace)


def test_the_image_cannot_be_pulled(cluster: Cluster) -> None:
    right = _operator_image(cluster)
    _set_operator_image(cluster, "localhost:1/absent:1")
    try:
        with stuck(cluster, pretraining("pictureless"), "ImagePull") as message:
            assert "localhost:1/absent:1" in message
            _set_operator_image(cluster, right)
            cluster.kubectl("delete", "job", "pictureless-pretrain", "-n", NAMESPACE)  # a Job keeps its pod template
    finally:
        _set_operator_image(cluster, right)


def test_a_service_is_away(cluster: Cluster) -> None:
    """The stage `policy` needs the executor; its preflight fails until the limit, and the run says which service."""
    run = pretraining("lonely", supervision={"teachers": [{"kind": "rules"}]}, backoffLimit=0)
    run["spec"]["pretrain"] = {"programs": 160, "noisy": False}
    cluster.kubectl("scale", "deployment/prlcoder-executor", "-n", SANDBOX, "--replicas=0")
    cluster.kubectl("rollout", "status", "deployment/prlcoder-executor", "-n", SANDBOX, "--timeout=300s")
    try:
        cluster.apply(run)
        failed = eventually(lambda: cluster.condition("lonely", "Failed"), "the failure")
        assert failed["reason"] == "ServiceUnavailable"
        assert "the executor at" in failed["message"]
    finally:
        cluster.kubectl("scale", "deployment/prlcoder-executor", "-n", SANDBOX, "--replicas=1")
        cluster.kubectl("rollout", "status", "deployment/prlcoder-executor", "-n", SANDBOX, "--timeout=300s")
    cluster.delete_run("lonely")


@pytest.fixture
def other_namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace with the runs' account and without their claim."""
    name = f"prlcoder-{request.node.name.replace('_', '-')[:40].strip('-')}"
    cluster.kubectl("create", "namespace", name)
    cluster.kubectl("create", "serviceaccount", "prlcoder-run", "-n", name)
    copy_credentials(cluster, name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def _volume(cluster: Cluster) -> list[dict[str, Any]]:
    """A volume on our own node; other clusters make one for the claim."""
    if cluster.storage is None:
        return []
    spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "hostPath": {"path": str(cluster.storage)},
        "persistentVolumeReclaimPolicy": "Retain",
    }
    return [{"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "second"}, "spec": spec}]


def _operator_image(cluster: Cluster) -> str:
    deployment = cluster.get("deployment", "prlcoder-operator", namespace=SYSTEM)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return str(container["image"])


def _set_operator_image(cluster: Cluster, image: str) -> None:
    """Set the image that stages' pods get from now on."""
    variable = f"PRLCODER_OPERATOR_IMAGE={image}"
    cluster.kubectl("set", "env", "deployment/prlcoder-operator", "-n", SYSTEM, variable)
    cluster.kubectl("rollout", "status", "deployment/prlcoder-operator", "-n", SYSTEM, "--timeout=300s")
