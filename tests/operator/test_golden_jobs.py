"""The Jobs that the operator makes. After a wanted change: ``python -m tests.operator.test_golden_jobs``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.operator.cluster_model import BEGIN, SPEC

from prlcoder.operator.attempts import attempt_job, group_service
from prlcoder.operator.job_sets import stage_job_set
from prlcoder.operator.jobs import stage_job
from prlcoder.operator.observed import ObservedRun
from prlcoder.operator.served_model import served_prm
from prlcoder.operator.settings import OperatorSettings

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


def rendered(case: str) -> str:
    """The Job or JobSet of a stage of a run with the case's fields."""
    if case == "served-prm":
        return "---\n".join(map(_text, served_prm(_run({}), "/var/lib/prlcoder/example/reward", SETTINGS)))
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


@pytest.mark.parametrize("case", [*CASES, *GROUPS, "shards", "attempt", "credentials", "served-prm"])
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


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name in (*CASES, *GROUPS, "shards", "attempt", "credentials", "served-prm"):
        (GOLDEN / f"{name}.yaml").write_text(rendered(name), encoding="utf-8")
