"""A run on the cluster makes what the same manifest makes on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.cluster import NAMESPACE, Cluster
from tests.e2e.runs import stage_metrics

MANIFEST = Path(__file__).resolve().parent / "manifests" / "run.yaml"
HELD_OUT = 24  # problems of the manifest's test split


def test_a_run_on_the_cluster_equals_the_run_here(cluster: Cluster, tmp_path: Path) -> None:
    cluster.kubectl("apply", "-n", NAMESPACE, "-f", str(MANIFEST))
    here = _run_here(tmp_path)
    cluster.kubectl("wait", "-n", NAMESPACE, "--for=condition=Complete", "trun/whole", "--timeout=900s")
    there = stage_metrics(cluster, "whole")
    assert there["supervise"]["content_hash"] == here["supervise"]["content_hash"]
    for name, value in here["evaluate"].items():
        assert abs(there["evaluate"][name] - value) * HELD_OUT <= 2.0001, name


def test_every_stage_was_one_job_and_the_status_tells_the_same(cluster: Cluster) -> None:
    status = cluster.get("trun", "whole")["status"]
    stages = ["pretrain", "supervise", "sft", "reward", "policy", "evaluate"]
    assert [(one["name"], one["state"]) for one in status["stages"]] == [(name, "Done") for name in stages]
    assert status["restarts"] == 0
    jobs = cluster.get("jobs", "-l", "prlcoder.dev/run=whole")["items"]
    assert sorted(job["metadata"]["name"] for job in jobs) == sorted(f"whole-{name}" for name in stages)
    events = cluster.get("events", "--field-selector", "involvedObject.kind=TrainingRun,involvedObject.name=whole")
    assert [event["reason"] for event in events["items"]] == ["AllStagesDone"]


def test_logs_and_report_lie_in_the_storage(cluster: Cluster) -> None:
    assert "stage pretrain, attempt 1" in (cluster.read("whole/logs/pretrain.log") or "")
    assert "</html>" in (cluster.read("whole/report.html") or "")


def _run_here(folder: Path) -> dict[str, dict[str, Any]]:
    """The metrics of each stage of the same manifest, run on this machine."""
    command = [sys.executable, "-m", "prlcoder.cli", "run", str(MANIFEST), "--set", f"storage.uri={folder}"]
    subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True, capture_output=True)
    stages = json.loads((folder / "whole" / "state.json").read_text())["stages"]
    return {name: record["metrics"] for name, record in stages.items()}
