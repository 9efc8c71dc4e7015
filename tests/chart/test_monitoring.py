"""Dashboards and alerts: they are generated, name metrics that exist, and the alerts fire when they should."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from prlcoder.chart import alerts, dashboards
from prlcoder.operator.constants import CONTAINER, Reason
from prlcoder.telemetry.metrics import HistogramMetric
from prlcoder.telemetry.reference import metric_definitions

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "prlcoder"
RUNBOOKS = ROOT / "docs" / "runbooks"
WORDS_OF_PROMQL = {"sum", "avg", "max", "by", "rate", "increase", "time", "histogram_quantile", "le", "__name__"}


def registered() -> set[str]:
    """Every series that PRLCoder serves, those of histograms included."""
    definitions = metric_definitions()
    histograms = [one.exposed_name for one in definitions if isinstance(one, HistogramMetric)]
    parts = {f"{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")}
    return {one.exposed_name for one in definitions} | parts


def metrics_in(expression: str) -> set[str]:
    """The metrics that an expression names, also by a pattern such as ``{__name__=~'a_(b|c)_total'}``."""
    named = set()
    for before, choices, after in re.findall(r"__name__=~'([^'(]*)\(([^)]*)\)([^']*)'", expression):
        named |= {f"{before}{choice}{after}" for choice in choices.split("|")}
    without_labels = re.sub(r"\{[^}]*\}|\[[^]]*\]|\bby \([^)]*\)", " ", expression)
    return named | (set(re.findall(r"[A-Za-z_]\w+", without_labels)) - WORDS_OF_PROMQL)


def expressions() -> Iterator[tuple[str, str]]:
    """The expressions of all dashboards and alerts, each with where it stands."""
    for name, made in dashboards.DASHBOARDS.items():
        for panel in made()["panels"]:
            for target in panel["targets"]:
                yield f"{name}: {panel['title']}", target["expr"]
    for alert in alerts.ALERTS:
        yield alert.name, alert.expression


@pytest.mark.parametrize("name", dashboards.DASHBOARDS)
def test_a_dashboard_is_up_to_date(name: str) -> None:
    path = f"charts/prlcoder/dashboards/{name}.json"
    current = (CHART / "dashboards" / f"{name}.json").read_text(encoding="utf-8")
    assert current == dashboards.page(name), f"run: python -m prlcoder.chart.dashboards {name} > {path}"


def test_no_dashboard_is_left_over() -> None:
    assert {path.stem for path in (CHART / "dashboards").iterdir()} == dashboards.DASHBOARDS.keys()


@pytest.mark.parametrize(("place", "expression"), list(expressions()))
def test_an_expression_names_metrics_that_exist(place: str, expression: str) -> None:
    named = metrics_in(expression)
    assert named
    assert named - registered() - dashboards.METRICS_OF_OTHERS.keys() == set(), place


def test_metrics_are_found_in_an_expression() -> None:
    text = "sum by (pod) (rate(a_total{x=~\"y\"}[5m])) / rate({__name__=~'b_(c|d)_total'}[5m]) > 0.5"
    assert metrics_in(text) == {"a_total", "b_c_total", "b_d_total"}


@pytest.mark.parametrize("name", dashboards.DASHBOARDS)
def test_a_dashboard_has_a_fixed_uid_variables_and_rates_over_grafanas_interval(name: str) -> None:
    made = json.loads(dashboards.page(name))
    assert made["uid"] == f"prlcoder-{name}"
    variables = {one["name"] for one in made["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(made["panels"]))) - {"__rate_interval"}
    assert used == variables
    for panel in made["panels"]:
        for target in panel["targets"]:
            assert "rate(" not in target["expr"] or "[$__rate_interval]" in target["expr"]


def test_the_run_dashboard_selects_the_container_of_stages() -> None:
    assert f'container="{CONTAINER}"' in dashboards.page("run").replace("\\", "")


def headings(page: str) -> set[str]:
    """The second-level headings of a runbook."""
    return set(re.findall(r"^## (\S+)$", (RUNBOOKS / page).read_text(encoding="utf-8"), re.MULTILINE))


def test_every_alert_and_every_reason_has_a_section_in_the_runbooks() -> None:
    assert headings("alerts.md") == {alert.name for alert in alerts.ALERTS}
    assert headings("reasons.md") == {str(reason) for reason in Reason}


def test_expressions_are_promql(promtool: Path, tmp_path: Path) -> None:
    rules = []
    for number, (_, expression) in enumerate(expressions()):
        plain = expression.replace("$__rate_interval", "5m").replace("($run)", "(.*)").replace("$namespace", ".*")
        rules.append({"record": f"expression:{number}", "expr": plain})
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    done = subprocess.run([promtool, "check", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


EXECUTOR, PRM = 'namespace="a",job="executor"', 'namespace="a",job="prm"'
CALLS = f'grpc_server_handled_total{{{PRM},grpc_method="ScoreSteps",grpc_code="%s"}}'
SECONDS = f'grpc_server_handling_seconds_bucket{{{PRM},grpc_method="ScoreSteps",le="%s"}}'
RUNS = f'prlcoder_executor_runs_total{{{EXECUTOR},verdict="passed",profile="gvisor"}}'
SANDBOX = f'prlcoder_executor_sandbox_errors_total{{{EXECUTOR},reason="SandboxLostError"}}'
TESTS = f"prlcoder_executor_test_errors_total{{{EXECUTOR}}}"
OPERATOR = 'kube_deployment_status_replicas_available{namespace="a",deployment="prlcoder-operator"}'
UP = f'up{{{EXECUTOR},pod="p",app_kubernetes_io_part_of="prlcoder"}}'
QUEUE = f'prlcoder_executor_queue_depth{{{EXECUTOR},pod="p"}}'
RETIRED = f'prlcoder_executor_retired_jails_total{{{EXECUTOR},pod="p"}}'

OPERATORS = 'namespace="a",job="operator",pod="p"'
LOOKS = f'prlcoder_reconcile_total{{{OPERATORS},result="%s"}}'
HANGING = f"prlcoder_workqueue_unfinished_work_seconds{{{OPERATORS}}}"
RESTARTS = f'prlcoder_run_restarts_total{{{OPERATORS},reason="%s"}}'
STAGE = 'namespace="a",job="stage",run="r",stage="policy"'
CHECKPOINT = f"prlcoder_train_last_checkpoint_timestamp_seconds{{{STAGE}}}"
ALARM = f'prlcoder_train_alarm{{{STAGE},alarm="divergence"}}'

FIRING = {
    "PRLCoderOperatorAbsent": {OPERATOR: "0x60"},
    "PRLCoderServiceDown": {UP: "0x60"},
    "PRLCoderCallsFail": {CALLS % "OK": "0+90x60", CALLS % "Internal": "0+10x60"},
    "PRLCoderPrmSlow": {
        SECONDS % "10": "0+50x60",
        SECONDS % "+Inf": "0+100x60",
        SECONDS % "30": "0+100x60",
    },
    "PRLCoderSandboxFails": {SANDBOX: "0+10x60"},  # every program fails: no series counts verdicts
    "PRLCoderTestsFaulty": {RUNS: "0+90x60", TESTS: "0+10x60"},
    "PRLCoderJailRetired": {RETIRED: "0x30 1x30"},
    "PRLCoderExecutorQueueFull": {QUEUE: "4000x60"},
    "PRLCoderLooksFail": {LOOKS % "done": "0+8x60", LOOKS % "error": "0+2x60"},
    "PRLCoderLookHangs": {HANGING: "0+60x60"},
    "PRLCoderStagesRestart": {RESTARTS % "Crashed": "0+1x60"},
    "PRLCoderCheckpointOld": {CHECKPOINT: "-7200x60"},  # promtool's clock begins at 0
    "PRLCoderTrainingAlarm": {ALARM: "1x60"},
}
SILENT = {
    "PRLCoderOperatorAbsent": {OPERATOR: "1x60"},
    "PRLCoderServiceDown": {UP: "1x60"},
    "PRLCoderCallsFail": {CALLS % "OK": "0+99x60", CALLS % "Internal": "0+1x60"},
    "PRLCoderPrmSlow": {SECONDS % "10": "0+100x60", SECONDS % "+Inf": "0+100x60"},
    "PRLCoderSandboxFails": {RUNS: "0+1000x60", SANDBOX: "0+1x60"},
    "PRLCoderTestsFaulty": {RUNS: "0+99x60", TESTS: "0+1x60"},
    "PRLCoderJailRetired": {RETIRED: "3x60"},
    "PRLCoderExecutorQueueFull": {QUEUE: "3000x60"},
    "PRLCoderLooksFail": {LOOKS % "done": "0+99x60", LOOKS % "error": "0+1x60"},
    "PRLCoderLookHangs": {HANGING: "20x60"},
    "PRLCoderStagesRestart": {RESTARTS % "Disrupted": "0+1x60"},
    "PRLCoderCheckpointOld": {CHECKPOINT: "0+60x60"},
    "PRLCoderTrainingAlarm": {ALARM: "0x60"},
}
"""Series of one sample per minute, by alert."""


def firing(promtool: Path, folder: Path, alert: str, series: dict[str, str]) -> bool:
    """Whether promtool finds that an alert fires after 50 minutes of these series."""
    (folder / "alerts.yaml").write_text(alerts.page())
    tested: dict[str, Any] = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": "50m", "alertname": alert, "exp_alerts": []}],
    }
    path = folder / "test.yaml"
    path.write_text(yaml.safe_dump({"rule_files": ["alerts.yaml"], "tests": [tested]}))
    done = subprocess.run([promtool, "test", "rules", path], capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    assert done.returncode == 0 or f"alertname: {alert}" in output, output
    return done.returncode != 0


@pytest.mark.parametrize("alert", [alert.name for alert in alerts.ALERTS])
def test_an_alert_fires_and_stays_silent(promtool: Path, tmp_path: Path, alert: str) -> None:
    assert firing(promtool, tmp_path, alert, FIRING[alert])
    assert not firing(promtool, tmp_path, alert, SILENT[alert])
