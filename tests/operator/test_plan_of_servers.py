"""What the plan decides about servers: a reward model that is left serving, and those beside a trainer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.operator.cluster_model import BEGIN, PPO, SPEC, Cluster, condition

from prlcoder.errors import InputError
from prlcoder.operator.actions import CreateJob
from prlcoder.operator.model_servers import model_servers
from prlcoder.operator.observed import ObservedPod
from prlcoder.spec import TrainingRun


def serving() -> Cluster:
    """A run whose reward model shall be left serving, after its last stage."""
    spec = {**SPEC, "reward": {"kind": "prm"}, "serve": {"prm": True}}
    cluster = Cluster(spec=spec)
    cluster.settle()
    for _ in ("pretrain", "supervise", "reward", "evaluate"):
        assert cluster.served == []
        cluster.start_pods()
        cluster.finish()
        cluster.reconcile()
    return cluster


def test_the_reward_model_of_a_finished_run_is_left_serving() -> None:
    cluster = serving()
    cluster.settle()
    (deployment,) = cluster.served
    assert "--model=/var/lib/prlcoder/example/reward" in deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    assert condition(cluster, "Complete")["message"].endswith("answers at prlcoder-served-prm.default.svc:8104")


def test_a_deployment_of_somebody_else_is_left_alone() -> None:
    cluster = Cluster(spec={**SPEC, "reward": {"kind": "prm"}, "serve": {"prm": True}}, served_by_others=True)
    cluster.settle()
    for _ in ("pretrain", "supervise", "reward", "evaluate"):
        cluster.start_pods()
        cluster.finish()
        cluster.settle()
    assert cluster.served == []
    assert cluster.status["phase"] == "Complete"
    assert condition(cluster, "Degraded")["reason"] == "NameConflict"


def test_a_reward_model_in_an_object_store_is_not_promised_to_serve() -> None:
    spec = {**SPEC, "reward": {"kind": "prm"}, "serve": {"prm": True}, "storage": {"uri": "s3://bucket/runs"}}
    cluster = Cluster(spec=spec)
    cluster.settle()
    assert "serve.prm: the reward model is in an object store" in condition(cluster, "Failed")["message"]


def test_reinforcement_learning_has_its_reward_model_beside_it() -> None:
    cluster = Cluster(spec=PPO)
    cluster.reconcile()
    (action,) = cluster.decide().actions
    assert isinstance(action, CreateJob)
    pod = action.manifest["spec"]["template"]["spec"]
    assert [one["name"] for one in pod["initContainers"]] == ["preflight", "prm"]


def test_separate_servers_are_one_job_set_with_the_trainer() -> None:
    cluster = Cluster(spec={**PPO, "servers": "separate"}, serves_job_set=True)
    cluster.settle()
    assert [(job.name, job.grouped) for job in cluster.live()] == [("example-policy", True)]


def test_separate_servers_without_job_set_are_refused_before_anything_runs() -> None:
    cluster = Cluster(spec={**PPO, "sft": {}, "servers": "separate"})
    cluster.settle()
    failed = condition(cluster, "Failed")
    assert (failed["status"], failed["reason"]) == ("True", "NoJobSet")
    assert failed["message"].endswith("the cluster has no JobSet; install JobSet, or set servers to sidecar")
    assert cluster.created == []


def test_a_policy_server_reads_hubs_and_no_object_store() -> None:
    """In its own pod it needs a storage that it shares with the trainer for the weights of each update, too."""
    policy: dict[str, Any] = {"algorithm": "ppo", "rl": {"engine": {"kind": "vllm"}}}
    run = {"apiVersion": "prlcoder.dev/v1alpha1", "kind": "TrainingRun", "metadata": {"name": "example"}}
    spec = {**PPO, "policy": policy, "storage": {"uri": "s3://bucket/runs"}}
    (beside,) = model_servers(TrainingRun.model_validate({**run, "spec": spec}))
    assert (beside.name, beside.model) == ("policy", "org/coder")
    tuned = {**spec, "sft": {}, "policy": {**policy, "init": "sft"}}
    for refused, where in (
        (tuned, "s3://bucket/runs/example/sft"),
        ({**spec, "servers": "separate"}, "s3://bucket/runs"),
    ):
        with pytest.raises(InputError, match=rf"engine\.kind: the weights are in an object store \({where}\)"):
            model_servers(TrainingRun.model_validate({**run, "spec": refused}))


def test_pods_of_servers_neither_run_the_stage_nor_count_as_its_restarts() -> None:
    cluster = Cluster(spec={**PPO, "servers": "separate"}, serves_job_set=True)
    cluster.settle()
    (job,) = cluster.live()
    beside = ObservedPod("prm", job.uid, "policy", "Running", BEGIN, uid="prm", server="prm")
    cluster.pods = {"prm": beside}
    cluster.settle()
    assert cluster.status["stages"][-1]["state"] == "Waiting"
    cluster.pods["trainer"] = ObservedPod("trainer", job.uid, "policy", "Running", BEGIN, uid="trainer")
    cluster.pods["prm"] = replace(beside, phase="Failed", disrupted="node drained")
    cluster.settle()
    assert cluster.status["stages"][-1]["state"] == "Running"
    assert cluster.status["restarts"] == 0
