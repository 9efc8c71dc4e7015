"""The runs that the tests apply, and what they look for in the storage."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from tests.e2e.cluster import NAMESPACE, Cluster

WEIGHTS = "pretrain/model.safetensors"
WHOLE_RUN = Path(__file__).resolve().parent / "manifests" / "run.yaml"


def pretraining(name: str, **changes: Any) -> dict[str, Any]:
    """A run of one stage that trains for less than a minute, with a checkpoint every 20 of its 100 steps."""
    spec: dict[str, Any] = {
        "seed": 0,
        "model": {"scratch": {"preset": "nano"}, "promptTemplate": "nano", "maxLength": 320},
        "problems": {"source": "nano", "nano": {"train": 8, "validation": 4, "test": 4}},
        "pretrain": {"programs": 1600, "saveSteps": 20, "noisy": False},
    }
    one_core = {"env": [{"name": "OMP_NUM_THREADS", "value": "1"}], "resources": {"requests": {"cpu": "900m"}}}
    spec |= {"stages": dict.fromkeys(("pretrain", "supervise", "evaluate"), one_core)}
    metadata = {"name": name}
    return {"apiVersion": "prlcoder.dev/v1alpha1", "kind": "TrainingRun", "metadata": metadata, "spec": spec | changes}


def with_vllm() -> bool:
    """Whether policy servers run vLLM. Its packages are 1.1 GB that every start of the node would load."""
    return os.environ.get("PRLCODER_E2E_VLLM") == "1"


def stage_metrics(cluster: Cluster, run: str) -> dict[str, dict[str, Any]]:
    """The metrics of each stage in the run's folder."""
    text = cluster.read(f"{run}/state.json")
    assert text is not None, f"{run} has no state.json"
    return {name: record["metrics"] for name, record in json.loads(text)["stages"].items()}


def last_checkpoint(cluster: Cluster, run: str) -> int:
    """The step of the newest complete checkpoint of the stage `pretrain`, 0 without one."""
    text = cluster.read(f"{run}/.work/pretrain/kept/train/LATEST") or ""
    found = re.fullmatch(r"checkpoint-(\d+)\s*", text)
    return int(found[1]) if found else 0


def digest(cluster: Cluster, run: str, path: str = WEIGHTS) -> str:
    """The SHA-256 of a file in the run's folder."""
    command = ("exec", "-n", NAMESPACE, "reader", "--", "sha256sum", f"/var/lib/prlcoder/{run}/{path}")
    return cluster.kubectl(*command).stdout.split()[0]


def events(cluster: Cluster, run: str) -> list[str]:
    """The reasons of a run's Events, in the order of their names."""
    selector = f"involvedObject.kind=TrainingRun,involvedObject.name={run}"
    return [one["reason"] for one in cluster.get("events", "--field-selector", selector)["items"]]


def restarts(cluster: Cluster, run: str, stage: str) -> dict[str, int]:
    """How often pods of a stage ended, by reason, as the run's status tells."""
    stages = cluster.get("trun", run).get("status", {}).get("stages", [])
    found = next((one.get("restarts", []) for one in stages if one["name"] == stage), [])
    return {entry["reason"]: entry["count"] for entry in found}
