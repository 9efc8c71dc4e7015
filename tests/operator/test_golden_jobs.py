"""The Jobs that the operator makes. After a wanted change: ``python -m tests.operator.test_golden_jobs``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.operator.cluster_model import BEGIN, SPEC

from prlcoder.operator.attempts import attempt_job, group_service
from prlcoder.operator.job_sets import stage_job_set
from prlcoder.operator.jobs import stage_job
from prlcoder.operator.model_servers import model_servers
from prlcoder.operator.observed import ObservedPod, ObservedRun
from prlcoder.operator.separate_servers import servers_job_set
from prlcoder.operator.served_model import served_prm
from prlcoder.operator.settings import OperatorSettings
from prlcoder.spec import TrainingRun

GOLDEN = Path(__file__).with_name("golden")
SETTINGS = OperatorSettings(image="prlcoder/trainer:1", services={"executor": "executor:8103"})
GUARDED = OperatorSettings(
    image="prlcoder/trainer:1",
    services={"executor": "tls://executor:8103"},
    credentials="services",
    credential_keys=("ca.crt", "token"),
)
SECRET = {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}}
GPUS: dict[str, Any] = {
    "resources": {"limits": {"nvidia.com/gpu": 8, "memory": "512Gi"}},
    "env": [SECRET],
    "nodeSelector": {"node.example/pool": "h200"},
    "tolerations": [{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}],
    "imagePullSecrets": [{"name": "registry"}],
}
CLAIM = {
    "resources": {"claims": [{"name": "gpu"}]},
    "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}],
}
SHARED_STORE = {"uri": "s3://bucket/runs"}
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "queue": {"queueName": "gpus", "priorityClassName": "high", "backoffLimit": 10, "stages": {"pretrain": GPUS}},
    "priority": {"priorityClassName": "high"},
    "claim": {"stages": {"pretrain": CLAIM}},
    "bucket": {"storage": SHARED_STORE},
}
SHARDS = {"stages": {"supervise": {"nodes": 4}}}
GROUPS: dict[str, dict[str, Any]] = {
    "two-nodes": {"stages": {"pretrain": {"nodes": 2}}},
    "two-nodes-in-a-queue": {"queueName": "gpus", "stages": {"pretrain": {"nodes": 2, **GPUS}}},
}

ONE_GPU: dict[str, Any] = {"resources": {"limits": {"nvidia.com/gpu": 1}}}
SERVERS: dict[str, Any] = {
    "prm": {**ONE_GPU, "env": [{"name": "OMP_NUM_THREADS", "value": "4"}]},
    "policy": {"resources": {"limits": {"nvidia.com/gpu": 2}}, "args": ["--dtype", "bfloat16"]},
}
PPO: dict[str, Any] = {
    "model": {"path": "org/coder", "peft": {"rank": 16}},
    "problems": {"source": "apps.jsonl"},
    "supervision": {"teachers": [{"kind": "rules"}]},
    "reward": {"kind": "prm"},
    "policy": {"algorithm": "ppo", "rl": {"engine": {"kind": "vllm"}}},
    "stages": {"policy": {**ONE_GPU, "env": [SECRET], "servers": SERVERS}},
}
WITH_SERVERS: dict[str, dict[str, Any]] = {
    "sidecars": PPO,
    "sidecars-in-a-queue": {**PPO, "queueName": "gpus", "priorityClassName": "high"},
    "separate-servers": {**PPO, "servers": "separate"},
    "separate-servers-in-a-queue": {**PPO, "servers": "separate", "queueName": "gpus"},
}


def with_servers(spec: dict[str, Any], settings: OperatorSettings) -> dict[str, Any]:
    """The Job or the JobSet of the stage `policy` with the servers of a run of this spec."""
    run = ObservedRun("example", "default", "run-uid", 1, BEGIN, spec, {})
    parsed = {"apiVersion": "prlcoder.dev/v1alpha1", "kind": "TrainingRun", "metadata": {"name": "example"}}
    servers = model_servers(TrainingRun.model_validate({**parsed, "spec": spec}))
    if spec.get("servers") == "separate":
        return servers_job_set(run, servers, settings)
    return stage_job(run, "policy", settings, servers)


def rendered(case: str) -> str:
    """The Job or JobSet of a stage of a run with the case's fields."""
    if case == "served-prm":
        return "---\n".join(map(_text, served_prm(_run({}), "/var/lib/prlcoder/example/reward", SETTINGS)))
    if case in WITH_SERVERS:
        guarded = "queue" in case  # these have the credentials of the chart's services, too
        return _text(with_servers(WITH_SERVERS[case], GUARDED if guarded else SETTINGS))
    if case == "credentials":
        return _text(stage_job(_run({}), "pretrain", GUARDED))
    if case == "shards":
        return _text(stage_job(_run(SHARDS), "supervise", SETTINGS))
    if case == "attempt":
        manifests = (
            group_service(_run(GROUPS["two-nodes"]), "pretrain"),
            attempt_job(_run(GROUPS["two-nodes"]), "pretrain", 2, SETTINGS),
        )
        return "---\n".join(map(_text, manifests))
    if case in GROUPS:
        return _text(stage_job_set(_run(GROUPS[case]), "pretrain", SETTINGS))
    return _text(stage_job(_run(CASES[case]), "pretrain", SETTINGS))


def _run(changes: dict[str, Any]) -> ObservedRun:
    return ObservedRun("example", "default", "run-uid", 1, BEGIN, SPEC | changes, {})


def _text(manifest: dict[str, Any]) -> str:
    return yaml.safe_dump(json.loads(json.dumps(manifest)), sort_keys=False)


@pytest.mark.parametrize("case", [*CASES, *GROUPS, *WITH_SERVERS, "shards", "attempt", "credentials", "served-prm"])
def test_the_job_is_the_committed_one(case: str) -> None:
    assert rendered(case) == (GOLDEN / f"{case}.yaml").read_text(encoding="utf-8")


def test_pods_that_train_together_find_each_other() -> None:
    """The environment that ``torchrun`` reads, which a user's own variables do not replace."""
    own = [{"name": "PET_NNODES", "value": "9"}]
    spec = {"stages": {"pretrain": {"nodes": 2, "env": own, "resources": {"limits": {"nvidia.com/gpu": 8}}}}}
    (group,) = stage_job_set(_run(spec), "pretrain", SETTINGS)["spec"]["replicatedJobs"]
    (container,) = group["template"]["spec"]["template"]["spec"]["containers"]
    found = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert found["PET_NNODES"] == "2"
    assert found["PET_NPROC_PER_NODE"] == "8"
    assert found["PET_MASTER_ADDR"] == "example-pretrain-nodes-0-0.example-pretrain"
    assert group["template"]["spec"]["completions"] == 2


def test_sidecars_have_their_own_gpus_and_answer_on_loopback_only() -> None:
    pod = with_servers(PPO, SETTINGS)["spec"]["template"]["spec"]
    first, *sidecars = pod["initContainers"]
    assert first["name"] == "preflight"
    assert "restartPolicy" not in first
    asked = {one["name"]: one["resources"]["limits"]["nvidia.com/gpu"] for one in [*sidecars, *pod["containers"]]}
    assert asked == {"prm": 1, "policy": 2, "stage": 1}
    assert ObservedPod.read(_pod(pod)).gpus == 4
    for sidecar in sidecars:
        assert sidecar["restartPolicy"] == "Always"
        assert "--host=127.0.0.1" in sidecar["args"]
        assert sidecar["startupProbe"]["failureThreshold"] * sidecar["startupProbe"]["periodSeconds"] == 900
    (trainer,) = pod["containers"]
    addresses = {one["name"]: one.get("value") for one in trainer["env"]}
    assert addresses["PRLCODER_PRM"] == "plaintext://127.0.0.1:8104"
    assert addresses["PRLCODER_POLICY"] == "plaintext://127.0.0.1:8105"


def test_servers_load_the_models_of_the_run() -> None:
    pod = with_servers(PPO, SETTINGS)["spec"]["template"]["spec"]
    prm, policy = pod["initContainers"][1:]
    assert "--model=/var/lib/prlcoder/example/reward" in prm["args"]
    assert "--model=org/coder" in policy["args"]
    tuned = {**PPO, "sft": {}, "policy": {**PPO["policy"], "init": "sft"}, "reward": {"from": "/models/prm"}}
    prm, policy = with_servers(tuned, SETTINGS)["spec"]["template"]["spec"]["initContainers"][1:]
    assert "--model=/models/prm" in prm["args"]
    assert "--model=/var/lib/prlcoder/example/sft" in policy["args"]


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"policy": {"algorithm": "dpo"}}, []),
        ({"policy": {"algorithm": "rloo"}}, ["prm"]),
        (
            {"policy": {"algorithm": "rloo", "rl": {"rewards": [{"kind": "verdict"}], "credit": {"rule": "outcome"}}}},
            [],
        ),
        ({"policy": {"algorithm": "ppo", "rl": {"rewardModel": {"refreshEvery": 5}}}}, []),
        ({"services": {"prm": "prm:8104"}}, ["policy"]),
        ({"storage": SHARED_STORE, "policy": {"algorithm": "ppo"}}, []),
    ],
)
def test_a_run_has_the_servers_that_it_needs(change: dict[str, Any], left: list[str]) -> None:
    """The reward model that is trained on, and one in an object store, stay in the trainer's process."""
    pod = with_servers({**PPO, **change}, SETTINGS)["spec"]["template"]["spec"]
    assert [one["name"] for one in pod["initContainers"][1:]] == left


def test_the_policy_server_may_have_an_image_of_its_own() -> None:
    pod = with_servers(PPO, replace(SETTINGS, policy_image="vllm:1"))["spec"]["template"]["spec"]
    assert [one["image"] for one in pod["initContainers"]] == ["prlcoder/trainer:1", "prlcoder/trainer:1", "vllm:1"]


def _pod(spec: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "pod", "creationTimestamp": BEGIN.isoformat()}, "spec": spec}


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name in (*CASES, *GROUPS, *WITH_SERVERS, "shards", "attempt", "credentials", "served-prm"):
        (GOLDEN / f"{name}.yaml").write_text(rendered(name), encoding="utf-8")
