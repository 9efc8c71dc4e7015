"""A real Prometheus scrapes the metrics of a training and of the operator, and every panel about them has data."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from tests.cluster.control_plane import free_ports
from tests.cluster.operator_process import eventually

from prlcoder.chart.alerts import ALERTS
from prlcoder.chart.dashboards import DASHBOARDS, METRICS_OF_OTHERS
from prlcoder.operator.actions import CreateJob
from prlcoder.operator.metrics import OperatorMetrics
from prlcoder.operator.observed import Observed, ObservedPod, ObservedRun
from prlcoder.operator.observer import RunObserver
from prlcoder.operator.plan import RunPlan
from prlcoder.telemetry.metrics import Exporter
from prlcoder.telemetry.training_figures import TrainingFigures
from prlcoder.telemetry.training_metrics import VALUES, TrainingMetrics

START = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
SERVED = ("prlcoder_train_", "prlcoder_run", "prlcoder_reconcile", "prlcoder_workqueue", "prlcoder_api")


class Activity:
    """A training and an operator at work: each call of ``go_on`` is an update and a look."""

    def __init__(self) -> None:
        self.training, self.operator = CollectorRegistry(), CollectorRegistry()
        self._training, self._metrics = TrainingMetrics(self.training), OperatorMetrics(self.operator)
        self._observer, self._looks = RunObserver(self._metrics, START), 0

    def go_on(self) -> None:
        """Every metric of both gets a value, and every counter grows."""
        self._looks += 1
        figures = TrainingFigures(
            steps=4,
            tokens=1000,
            samples=32,
            seconds={"rollout": 0.2, "update": 0.1},
            dropped={"truncated": 1},
            values=dict.fromkeys(VALUES, 0.5),
            rewards={"process": (0.3, 0.1), "total": (0.2, 0.1)},
            alarms=["divergence"],
        )
        self._training.note(figures)
        self._training.note_checkpoint("checkpoint-4")
        self._metrics.added(1)
        self._metrics.taken(0.1, 0)
        self._metrics.failed()
        self._metrics.called("GET", "2xx", 0.01)
        for result in ("done", "error"):
            self._metrics.looked(result, 0.1)
        self._look()

    def _look(self) -> None:
        """A new run whose only stage is done at once, after one restart."""
        now = START + timedelta(seconds=10 * self._looks)
        pod = ObservedPod(
            "p", "j", "policy", "Succeeded", START, uid=str(self._looks), gpus=1, scheduled=START, started=START
        )
        run = ObservedRun(f"r{self._looks}", "runs", "uid", 1, START, {"policy": {}}, {})
        done = {
            "name": "policy",
            "state": "Done",
            "startTime": "2026-11-30T12:00:00Z",
            "completionTime": "2026-11-30T12:10:00Z",
            "restarts": [{"reason": "Crashed", "count": 1}],
        }
        status = {"phase": "Running", "stages": [done]}
        self._observer.looked(Observed(run, pods=(pod,)), RunPlan(actions=(CreateJob({}),), status=status), now)


@contextmanager
def prometheus(folder: Path, targets: dict[str, tuple[int, dict[str, str]]]) -> Iterator[int]:
    """A Prometheus that scrapes these ports every second, with the labels that the PodMonitors give; its port."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("there is no prometheus on this machine (on Debian: apt install prometheus)")
    jobs = [
        {
            "job_name": name,
            "honor_labels": name == "operator",
            "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": labels}],
        }
        for name, (port, labels) in targets.items()
    ]
    config = folder / "prometheus.yaml"
    config.write_text(yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}))
    (port,) = free_ports(1)
    flags = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", "--log.level=error"]
    process = subprocess.Popen([program, *flags, f"--web.listen-address=127.0.0.1:{port}"])
    try:
        yield port
    finally:
        process.kill()
        process.wait()


def result(port: int, expression: str) -> list[Any]:
    """What a query gives; empty while Prometheus does not answer."""
    query = urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?{query}") as answer:
            found: list[Any] = json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as error:
        if error.code != 503:  # it starts
            pytest.fail(f"{expression}: {error.read().decode()}")
        return []
    except urllib.error.URLError:
        return []
    return found


def panels() -> dict[str, str]:
    """The expressions of the dashboards ``run`` and ``fleet`` about PRLCoder's own metrics, by their place."""
    found = {}
    for name in ("run", "fleet"):
        for panel in DASHBOARDS[name]()["panels"]:
            for target in panel["targets"]:
                if not any(other in target["expr"] for other in METRICS_OF_OTHERS if other != "up"):
                    found[f"{name}: {panel['title']}: {target['legendFormat']}"] = target["expr"]
    return {place: one for place, one in found.items() if any(name in one for name in SERVED)}


def test_every_panel_about_trainings_and_the_operator_has_data(tmp_path: Path) -> None:
    activity = Activity()
    exporters = [Exporter(registry, "127.0.0.1", 0) for registry in (activity.training, activity.operator)]
    stage = {"namespace": "runs", "run": "r", "stage": "policy", "pod": "r-policy-0-abc"}
    targets = {
        "stage": (exporters[0].port, stage),
        "operator": (exporters[1].port, {"namespace": "prlcoder", "pod": "prlcoder-operator-abc"}),
    }
    expressions = {
        place: one.replace("$__rate_interval", "1m").replace("($run)", "(r)").replace("$namespace", "runs")
        for place, one in panels().items()
    }
    assert len(expressions) > 25
    with prometheus(tmp_path, targets) as port:

        def without_data() -> list[str]:
            activity.go_on()
            return [place for place, one in expressions.items() if not result(port, one)]

        eventually(lambda: not without_data() or None, "data in every panel")
        of_training = next(alert for alert in ALERTS if alert.name == "PRLCoderTrainingAlarm")
        (alarm,) = result(port, of_training.expression)
        labels = alarm["metric"]
        assert (labels["namespace"], labels["run"], labels["alarm"]) == ("runs", "r", "divergence")
    for exporter in exporters:
        exporter.close()
