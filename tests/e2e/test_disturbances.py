"""Whatever happens between two actions of the operator, a run has one Job per stage, a right status and each Event
once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.e2e.cluster import NAMESPACE, Cluster, eventually
from tests.e2e.installation import ROOT, SYSTEM
from tests.e2e.runs import events, pretraining

AWAY_S = 60.0


def brief(name: str, programs: int = 160, **changes: Any) -> dict[str, Any]:
    """A run of one stage that takes seconds once its pod has started."""
    run = pretraining(name, **changes)
    run["spec"]["pretrain"] = {"programs": programs, "noisy": False, "saveSteps": 20}
    return run


def complete(cluster: Cluster, run: str, timeout_s: int = 600) -> dict[str, Any]:
    """The status of a run once it is complete."""
    cluster.kubectl("wait", "-n", NAMESPACE, "--for=condition=Complete", f"trun/{run}", f"--timeout={timeout_s}s")
    status: dict[str, Any] = cluster.get("trun", run)["status"]
    return status


@contextmanager
def no_operator(cluster: Cluster) -> Iterator[dict[str, str]]:
    """The chart's operator away; yields the environment of its container."""
    deployment = cluster.get("deployment", "prlcoder-operator", namespace=SYSTEM)
    variables = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    where = ("deployment/prlcoder-operator", "-n", SYSTEM)
    cluster.kubectl("scale", *where, "--replicas=0")
    cluster.kubectl("wait", "pod", "-n", SYSTEM, "-l", "app.kubernetes.io/component=operator", "--for=delete")
    try:
        yield {one["name"]: one["value"] for one in variables if one["name"].startswith("PRLCODER_")}
    finally:
        cluster.kubectl("scale", *where, "--replicas=1")
        cluster.kubectl("rollout", "status", *where, "--timeout=300s")


@contextmanager
def killed_operator(cluster: Cluster, environment: dict[str, str]) -> Iterator[list[str]]:
    """An operator that is killed after each of its writes. At the end the yielded list holds the writes."""
    option, kubeconfig = cluster.helm_options
    assert option == "--kubeconfig"
    paths = f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"  # what runs inside does not start in this folder
    variables = [f"PYTHONPATH={paths}", *(f"{name}={value}" for name, value in environment.items())]
    command = [*cluster.inside, "env", *variables, sys.executable, "-m", "tests.e2e.killed_operator", kubeconfig]
    writes: list[str] = []
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=errors) as process:
            assert process.stdin is not None
            try:
                yield writes
            finally:
                process.stdin.close()
        output.seek(0)
        writes += output.read().splitlines()
        errors.seek(0)
        print(errors.read()[-3000:])


def test_an_operator_that_dies_after_each_of_its_writes(cluster: Cluster) -> None:
    if cluster.storage is None:
        pytest.skip("the operator outside the cluster needs the node's own network")
    run = brief("mortal", supervision={"teachers": [{"kind": "rules"}]})
    run["spec"]["evaluation"] = {"benchmarks": [{"source": "held-out"}], "maxNewTokens": 16}
    with no_operator(cluster) as environment, killed_operator(cluster, environment) as writes:
        cluster.apply(run)
        status = complete(cluster, "mortal", 1200)
        eventually(lambda: events(cluster, "mortal") or None, "the Event of the end")
    stages = ["evaluate", "pretrain", "supervise"]
    assert sum(" /apis/batch/v1/" in line for line in writes) == len(stages), writes  # a Job was asked for once each
    assert len(writes) >= 2 * len(stages) + 2  # the ConfigMap, a Job and a status per stage, and the Event
    jobs = cluster.get("jobs", "-l", "prlcoder.dev/run=mortal")["items"]
    assert sorted(job["metadata"]["name"] for job in jobs) == [f"mortal-{stage}" for stage in stages]
    assert [len(cluster.pods("mortal", stage)) for stage in stages] == [1, 1, 1]
    assert (status["phase"], status["restarts"]) == ("Complete", 0)
    assert events(cluster, "mortal") == ["AllStagesDone"]
    cluster.delete_run("mortal")


def test_the_api_server_is_away_for_a_minute(cluster: Cluster) -> None:
    if cluster.storage is None:
        pytest.skip("only the API server of this machine's own node can be stopped")
    cluster.apply(brief("patient", 1600))
    eventually(lambda: cluster.pods("patient", "pretrain") or None, "a pod")
    cluster.signal("kube-apiserver", signal.SIGSTOP)
    try:
        time.sleep(AWAY_S)  # the absence itself
    finally:
        cluster.signal("kube-apiserver", signal.SIGCONT)
    status = complete(cluster, "patient")
    assert status["restarts"] == 0
    assert len(cluster.pods("patient", "pretrain")) == 1
    seen = events(cluster, "patient")  # a wait that lasted, like the kubelet's for the volume, has its Events too
    assert seen.count("AllStagesDone") == 1, seen
    assert len(seen) == len(set(seen)), seen
    cluster.delete_run("patient")


def test_a_job_that_was_deleted_by_hand_is_made_again(cluster: Cluster) -> None:
    cluster.apply(brief("bereft", 1600))
    eventually(lambda: cluster.pods("bereft", "pretrain") or None, "a pod")
    before = cluster.get("job", "bereft-pretrain")["metadata"]["uid"]
    cluster.kubectl("delete", "job", "bereft-pretrain", "-n", NAMESPACE)
    complete(cluster, "bereft")
    assert cluster.get("job", "bereft-pretrain")["metadata"]["uid"] != before
    cluster.delete_run("bereft")


def test_a_job_of_somebody_else_is_named_and_left_alone(cluster: Cluster) -> None:
    container = {"name": "sleep", "image": "nowhere.test/none:1"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "rival-pretrain"}}
    cluster.apply({**job, "spec": {"suspend": True, "template": template}})
    before = cluster.get("job", "rival-pretrain")["metadata"]["resourceVersion"]
    cluster.apply(brief("rival"))
    failed = eventually(lambda: cluster.condition("rival", "Failed"), "the failure")
    assert failed["reason"] == "NameConflict"
    assert "rival-pretrain" in failed["message"]
    cluster.delete_run("rival")
    assert cluster.get("job", "rival-pretrain")["metadata"]["resourceVersion"] == before
    cluster.kubectl("delete", "job", "rival-pretrain", "-n", NAMESPACE)


def test_suspending_and_resuming_in_quick_succession(cluster: Cluster) -> None:
    cluster.apply(brief("fickle", 1600))
    eventually(lambda: cluster.pods("fickle", "pretrain") or None, "a pod")
    for wanted in ("true", "false") * 4:
        patch = f'{{"spec": {{"suspend": {wanted}}}}}'
        cluster.kubectl("patch", "trun", "fickle", "-n", NAMESPACE, "--type=merge", "-p", patch)
    status = complete(cluster, "fickle")
    assert status["restarts"] == 0
    (job,) = cluster.get("jobs", "-l", "prlcoder.dev/run=fickle")["items"]
    assert job["status"]["succeeded"] == 1
    cluster.delete_run("fickle")


def test_a_run_that_is_deleted_while_it_runs_leaves_nothing(cluster: Cluster) -> None:
    cluster.apply(brief("gone", 1600))
    eventually(lambda: cluster.pods("gone", "pretrain") or None, "a pod")
    cluster.kubectl("delete", "trun", "gone", "-n", NAMESPACE)
    kinds = "jobs,pods,configmaps,services"
    left = ("get", kinds, "-n", NAMESPACE, "-l", "prlcoder.dev/run=gone", "-o", "name")
    eventually(lambda: not cluster.kubectl(*left).stdout or None, "the end of what belonged to the run")
    assert events(cluster, "gone") == []
