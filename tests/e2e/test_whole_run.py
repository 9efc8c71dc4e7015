"""A run on the cluster makes what the same manifest makes on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.cluster import Cluster
from tests.e2e.runs import WHOLE_RUN, stage_metrics

HELD_OUT = 24  # problems of the manifest's test split


def test_a_run_on_the_cluster_equals_the_run_here(cluster: Cluster, whole_run: str, tmp_path: Path) -> None:
    here = _run_here(tmp_path)
    there = stage_metrics(cluster, whole_run)
    assert there["supervise"]["content_hash"] == here["supervise"]["content_hash"]
    for name, value in here["evaluate"].items():
        assert abs(there["evaluate"][name] - value) * HELD_OUT <= 2.0001, name


def test_every_stage_was_one_job_and_the_status_tells_the_same(cluster: Cluster, whole_run: str) -> None:
    status = cluster.get("trun", whole_run)["status"]
    stages = ["pretrain", "supervise", "sft", "reward", "policy", "evaluate"]
    assert [(one["name"], one["state"]) for one in status["stages"]] == [(name, "Done") for name in stages]
    assert status["restarts"] == 0
    jobs = cluster.get("jobs", "-l", f"prlcoder.dev/run={whole_run}")["items"]
    assert sorted(job["metadata"]["name"] for job in jobs) == sorted(f"{whole_run}-{name}" for name in stages)
    events = cluster.get(
        "events", "--field-selector", f"involvedObject.kind=TrainingRun,involvedObject.name={whole_run}"
    )
    assert [event["reason"] for event in events["items"]] == ["AllStagesDone"]


def test_logs_and_report_lie_in_the_storage(cluster: Cluster, whole_run: str) -> None:
    assert "stage pretrain, attempt 1" in (cluster.read(f"{whole_run}/logs/pretrain.log") or "")
    assert "</html>" in (cluster.read(f"{whole_run}/report.html") or "")


def _run_here(folder: Path) -> dict[str, dict[str, Any]]:
    """The metrics of each stage of the same manifest, run on this machine."""
    command = [sys.executable, "-m", "prlcoder.cli", "run", str(WHOLE_RUN), "--set", f"storage.uri={folder}"]
    subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True, capture_output=True)
    stages = json.loads((folder / "whole" / "state.json").read_text())["stages"]
    return {name: record["metrics"] for name, record in stages.items()}
