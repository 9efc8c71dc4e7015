"""The Jobs that the operator makes. After a wanted change: ``python -m tests.operator.test_golden_jobs``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.operator.cluster_model import BEGIN, SPEC

from prlcoder.operator.jobs import stage_job
from prlcoder.operator.observed import ObservedRun
from prlcoder.operator.settings import OperatorSettings

GOLDEN = Path(__file__).with_name("golden")
SETTINGS = OperatorSettings(image="prlcoder/trainer:1", services={"executor": "executor:8103"})
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
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "queue": {"queueName": "gpus", "priorityClassName": "high", "backoffLimit": 10, "stages": {"pretrain": GPUS}},
    "priority": {"priorityClassName": "high"},
    "claim": {"stages": {"pretrain": CLAIM}},
}


def rendered(case: str) -> str:
    """The Job of the stage ``pretrain`` of a run with the case's fields."""
    run = ObservedRun("example", "default", "run-uid", 1, BEGIN, SPEC | CASES[case], {})
    return yaml.safe_dump(json.loads(json.dumps(stage_job(run, "pretrain", SETTINGS))), sort_keys=False)


@pytest.mark.parametrize("case", CASES)
def test_the_job_is_the_committed_one(case: str) -> None:
    assert rendered(case) == (GOLDEN / f"{case}.yaml").read_text(encoding="utf-8")


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name in CASES:
        (GOLDEN / f"{name}.yaml").write_text(rendered(name), encoding="utf-8")
