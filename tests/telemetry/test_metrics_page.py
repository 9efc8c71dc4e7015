"""Definitions of metrics, and the page that is made of them."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from prlcoder.telemetry.metrics import CounterMetric, GaugeMetric, HistogramMetric
from prlcoder.telemetry.reference import metric_definitions, page

# Dashboards and alerts name these (contracts.md, section 7).
NAMES = {
    "grpc_server_handled_total",
    "grpc_server_handling_seconds",
    "grpc_server_msg_received_total",
    "grpc_server_msg_sent_total",
    "grpc_server_started_total",
    "prlcoder_executor_cached_results_total",
    "prlcoder_executor_queue_depth",
    "prlcoder_executor_run_seconds",
    "prlcoder_executor_runs_total",
    "prlcoder_executor_sandbox_errors_total",
    "prlcoder_mutator_variants_total",
    "prlcoder_policy_tokens_total",
    "prlcoder_policy_weights_version",
    "prlcoder_prm_batch_tokens",
    "prlcoder_prm_score",
    "prlcoder_prm_steps_scored_total",
    "prlcoder_segmenter_segments_total",
}


def test_all_metrics_are_found_and_have_their_names() -> None:
    found = [metric.exposed_name for metric in metric_definitions()]
    assert len(found) == len(set(found))
    assert set(found) >= NAMES


@pytest.mark.parametrize("metric", metric_definitions(), ids=lambda metric: metric.exposed_name)
def test_a_definition_says_everything_in_sentences(metric: CounterMetric) -> None:
    assert metric.help[0].isupper()
    assert metric.help.endswith(".")
    assert metric.unit
    assert all(meaning and not meaning.endswith(".") for meaning in metric.labels.values())


def test_the_page_of_three_metrics() -> None:
    metrics = [
        CounterMetric(name="runs", help="Runs.", unit="runs", labels={"verdict": "one of passed, failed"}),
        GaugeMetric(name="depth", help="Depth.", unit="items", absent="before the first item"),
        HistogramMetric(name="run_seconds", help="Time.", unit="seconds", buckets=(0.5, 1.0)),
    ]
    text = page(metrics)
    assert "| [`runs_total`](#runs_total) | counter | runs |" in text
    assert "## runs_total\n\nRuns.\n\n- Kind: counter. Unit: runs.\n- Absent: until its labels first occur.\n" in text
    assert "- Label `verdict`: one of passed, failed." in text
    assert "## run_seconds\n\nTime.\n\n- Kind: histogram. Unit: seconds.\n- Absent: never.\n" in text
    assert "- Absent: before the first item." in text
    assert "- Buckets: 0.5, 1." in text


def test_a_registered_metric_is_scraped_under_the_name_on_the_page() -> None:
    registry = CollectorRegistry()
    metric = CounterMetric(name="runs", help="Runs.", unit="runs", labels={"verdict": "any"})
    metric.register(registry).labels("passed").inc()
    assert f'{metric.exposed_name}{{verdict="passed"}} 1.0' in generate_latest(registry).decode()
