"""Pods that end before their stage has: what counts, what the status says, and that no step is lost."""

from __future__ import annotations

import json
import os
import signal

import pytest
from tests.e2e.cluster import NAMESPACE, Cluster, eventually
from tests.e2e.control_groups import stage_process
from tests.e2e.runs import digest, last_checkpoint, pretraining, restarts


def running_pod(cluster: Cluster, run: str, known: set[str]) -> dict[str, str]:
    """Name and UID of a pod of the stage that runs and is not among ``known`` names."""

    def look() -> dict[str, str] | None:
        for pod in cluster.pods(run, "pretrain"):
            metadata = pod["metadata"]
            if pod["status"]["phase"] == "Running" and metadata["name"] not in known:
                return {"name": metadata["name"], "uid": metadata["uid"]}
        return None

    return eventually(look, f"a running pod of {run}")


def test_an_eviction_and_a_kill_lose_nothing(cluster: Cluster) -> None:
    if cluster.storage is None:
        pytest.skip("only on this machine's own node can a process of a pod be killed")
    cluster.apply(pretraining("calm"))
    cluster.kubectl("wait", "-n", NAMESPACE, "--for=condition=Complete", "trun/calm", "--timeout=600s")
    cluster.apply(pretraining("stormy"))
    first = running_pod(cluster, "stormy", set())
    eventually(lambda: last_checkpoint(cluster, "stormy") or None, "a checkpoint")
    _evict(cluster, first["name"])
    second = running_pod(cluster, "stormy", {first["name"]})
    saved = last_checkpoint(cluster, "stormy")
    eventually(lambda: last_checkpoint(cluster, "stormy") > saved or None, "a newer checkpoint")
    os.kill(stage_process(second["uid"]), signal.SIGKILL)
    cluster.kubectl("wait", "-n", NAMESPACE, "--for=condition=Complete", "trun/stormy", "--timeout=600s")
    assert digest(cluster, "stormy") == digest(cluster, "calm")
    assert restarts(cluster, "stormy", "pretrain") == {"Disrupted": 1, "Crashed": 1}
    (job,) = cluster.get("jobs", "-l", "prlcoder.dev/run=stormy")["items"]
    assert job["status"]["failed"] == 1  # the eviction does not count against the limit
    log = cluster.read("stormy/logs/pretrain.log") or ""
    assert "stage pretrain, attempt 3, resumed" in log


def test_too_little_memory_is_named_with_the_limit(cluster: Cluster) -> None:
    little = {"resources": {"limits": {"memory": "300Mi"}}}
    cluster.apply(pretraining("starved", stages={"pretrain": little}, backoffLimit=1))
    failed = eventually(lambda: cluster.condition("starved", "Failed"), "the failure")
    assert failed["reason"] == "OutOfMemory"
    assert "memory limit 300Mi" in failed["message"]
    assert restarts(cluster, "starved", "pretrain") == {"OutOfMemory": 2}
    (job,) = cluster.get("jobs", "-l", "prlcoder.dev/run=starved")["items"]
    assert job["status"]["failed"] == 2
    cluster.delete_run("starved")


def _evict(cluster: Cluster, pod: str) -> None:
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": NAMESPACE},
    }
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/eviction"
    cluster.kubectl("create", "--raw", path, "-f", "-", text=json.dumps(eviction))
