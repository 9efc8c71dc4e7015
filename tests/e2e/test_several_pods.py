"""A stage that trains in two pods under torchrun, with JobSet's controller and without it."""

from __future__ import annotations

import os
import signal

import pytest
from tests.e2e.cluster import NAMESPACE, Cluster, eventually
from tests.e2e.control_groups import stage_process
from tests.e2e.runs import digest, last_checkpoint, pretraining, restarts

PODS = {
    "nodes": 2,
    "env": [{"name": "OMP_NUM_THREADS", "value": "1"}],
    "resources": {"requests": {"cpu": "300m"}},
}


def two_pods(name: str) -> dict[str, object]:
    """A run whose only stage trains in two pods."""
    return pretraining(name, stages={"pretrain": PODS})


def kill_a_rank(cluster: Cluster, run: str) -> None:
    """SIGKILL the second pod's process once there is a checkpoint."""
    eventually(lambda: last_checkpoint(cluster, run) or None, "a checkpoint")
    index = "batch.kubernetes.io/job-completion-index"
    pod = next(one for one in cluster.pods(run, "pretrain") if one["metadata"]["annotations"][index] == "1")
    os.kill(stage_process(pod["metadata"]["uid"]), signal.SIGKILL)


@pytest.fixture(scope="module")
def undisturbed(cluster: Cluster) -> str:
    """The digest of the weights of a run in two pods that nothing happened to."""
    if cluster.storage is None:
        pytest.skip("only on this machine's own node can a process of a pod be killed")
    cluster.apply(two_pods("pair"))
    cluster.kubectl("wait", "-n", NAMESPACE, "--for=condition=Complete", "trun/pair", "--timeout=900s")
    weights = digest(cluster, "pair")
    cluster.delete_run("pair")
    return weights


def test_without_job_set_a_killed_rank_restarts_the_group_as_another_job(cluster: Cluster, undisturbed: str) -> None:
    cluster.apply(two_pods("torn"))
    degraded = eventually(lambda: cluster.condition("torn", "Degraded"), "what the cluster lacks")
    assert degraded["reason"] == "NoJobSet"
    kill_a_rank(cluster, "torn")
    cluster.kubectl("wait", "-n", NAMESPACE, "--for=condition=Complete", "trun/torn", "--timeout=900s")
    assert digest(cluster, "torn") == undisturbed
    assert restarts(cluster, "torn", "pretrain") == {"Crashed": 1}
    names = [one["metadata"]["name"] for one in cluster.get("jobs", "-l", "prlcoder.dev/run=torn")["items"]]
    assert sorted(names) == ["torn-pretrain", "torn-pretrain-2"]
    cluster.delete_run("torn")


@pytest.mark.usefixtures("job_set_controller")
def test_with_job_set_a_killed_rank_restarts_the_same_set(cluster: Cluster, undisturbed: str) -> None:
    cluster.apply(two_pods("mended"))
    before = eventually(lambda: cluster.get("jobsets")["items"] or None, "the JobSet")[0]["metadata"]
    kill_a_rank(cluster, "mended")
    cluster.kubectl("wait", "-n", NAMESPACE, "--for=condition=Complete", "trun/mended", "--timeout=900s")
    assert digest(cluster, "mended") == undisturbed
    assert restarts(cluster, "mended", "pretrain") == {"Crashed": 1}
    (job_set,) = cluster.get("jobsets")["items"]
    assert (job_set["metadata"]["uid"], job_set["status"]["restarts"]) == (before["uid"], 1)
    cluster.delete_run("mended")
