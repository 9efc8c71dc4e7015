"""A scrape of a running operator: its work, its calls, and a run from its creation to its deletion."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from tests.cluster.control_plane import ControlPlane, free_ports
from tests.cluster.operator_process import eventually, operator, play, pod_of, training_run


def scrape(port: int) -> dict[str, float]:
    """The series of PRLCoder's metrics, labels included in their names; empty while nothing answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            text = answer.read().decode()
    except urllib.error.URLError:
        return {}
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    return {
        one.name + "".join(f" {name}={value}" for name, value in sorted(one.labels.items())): one.value
        for one in samples
        if one.name.startswith("prlcoder_")
    }


def test_a_run_is_seen_in_the_metrics_while_it_exists(plane: ControlPlane, tmp_path: Path) -> None:
    port = free_ports(1)[0]
    with operator(plane, tmp_path / "log", PRLCODER_OPERATOR_METRICS_PORT=str(port)):
        plane.apply(training_run("watched"))
        play(plane, pod_of(plane, "pretrain", "watched"), "Running")
        running = "prlcoder_runs namespace=default phase=Running"
        seen = eventually(lambda: found if running in (found := scrape(port)) else None, "the running run")
        assert seen[running] >= 1
        assert any(name.startswith("prlcoder_run_info") and "run=watched" in name for name in seen)
        assert seen["prlcoder_run_first_job_seconds_count"] >= 1
        assert seen["prlcoder_reconcile_total result=done"] >= 1
        assert seen["prlcoder_api_requests_total code=2xx verb=GET"] >= 1
        assert seen["prlcoder_api_request_duration_seconds_count verb=POST"] >= 1
        assert seen["prlcoder_workqueue_adds_total"] >= 1
        plane.kubectl("delete", "trun", "watched")
        eventually(lambda: not any("run=watched" in name for name in scrape(port)), "the end of its series")
