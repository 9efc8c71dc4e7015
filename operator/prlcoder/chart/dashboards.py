"""The chart's Grafana dashboards, ``charts/prlcoder/dashboards/*.json``:

    python -m prlcoder.chart.dashboards services > charts/prlcoder/dashboards/services.json

``services`` shows the metrics of the five services. ``run`` and ``fleet`` show what other exporters know of the pods of
stages, which serve no metrics of their own yet.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from prlcoder.chart.panels import QueryVariable, TimeSeriesPanel, dashboard

METRICS_OF_OTHERS: Final = {
    "up": "Prometheus itself",
    "container_cpu_usage_seconds_total": "the kubelet's cAdvisor",
    "container_memory_working_set_bytes": "the kubelet's cAdvisor",
    "DCGM_FI_DEV_GPU_UTIL": "NVIDIA's DCGM exporter",
    "DCGM_FI_DEV_FB_USED": "NVIDIA's DCGM exporter",
    "kube_deployment_status_replicas_available": "kube-state-metrics",
    "kube_job_status_active": "kube-state-metrics",
    "kube_job_status_failed": "kube-state-metrics",
    "kube_pod_container_resource_requests": "kube-state-metrics",
    "kube_pod_container_status_terminated_reason": "kube-state-metrics",
    "kube_pod_container_status_waiting_reason": "kube-state-metrics",
    "kube_pod_status_phase": "kube-state-metrics",
}
"""Metrics that PRLCoder does not serve, and who serves them."""

_RATE: Final = "[$__rate_interval]"
_HERE: Final = 'namespace=~"$namespace"'
_STAGE_POD: Final = f'{_HERE},container="stage",pod=~"($run)-.+"'  # the operator's name of a stage's container
_STAGE_JOB: Final = f'{_HERE},job_name=~"($run)-(pretrain|supervise|sft|reward|policy|evaluate)"'
_RUN_OF_JOB: Final = "/^(.+)-(?:pretrain|supervise|sft|reward|policy|evaluate)$/"

NAMESPACE_OF_SERVICES: Final = QueryVariable("namespace", "grpc_server_started_total", "namespace")
NAMESPACE_OF_JOBS: Final = QueryVariable("namespace", "kube_job_status_active", "namespace")
RUN: Final = QueryVariable("run", f"kube_job_status_active{{{_HERE}}}", "job_name", _RUN_OF_JOB)


def services() -> Any:
    """Calls, delays and errors of the five services, and what each of them does."""
    return dashboard("prlcoder-services", "PRLCoder: services", [NAMESPACE_OF_SERVICES], [*_calls(), *_work()])


def _calls() -> list[TimeSeriesPanel]:
    slow = f"sum by (le, grpc_method) (rate(grpc_server_handling_seconds_bucket{{{_HERE}}}{_RATE}))"
    failed = f'{_HERE},grpc_code=~"Internal|Unavailable|Unknown|DataLoss"'
    return [
        TimeSeriesPanel(
            "Calls per second",
            "Calls that ended.",
            "reqps",
            {"{{grpc_method}}": f"sum by (grpc_method) (rate(grpc_server_handled_total{{{_HERE}}}{_RATE}))"},
        ),
        TimeSeriesPanel(
            "Failed calls per second",
            "Calls that ended with Internal, Unavailable, Unknown or DataLoss.",
            "reqps",
            {
                "{{grpc_method}} {{grpc_code}}": "sum by (grpc_method, grpc_code) "
                f"(rate(grpc_server_handled_total{{{failed}}}{_RATE}))"
            },
        ),
        TimeSeriesPanel(
            "Duration of calls, median",
            "From a call's arrival to its end.",
            "s",
            {"{{grpc_method}}": f"histogram_quantile(0.5, {slow})"},
        ),
        TimeSeriesPanel(
            "Duration of calls, 99th percentile",
            "From a call's arrival to its end.",
            "s",
            {"{{grpc_method}}": f"histogram_quantile(0.99, {slow})"},
        ),
    ]


def _work() -> list[TimeSeriesPanel]:
    return [
        _rates("Programs per second", "Programs that ran, by verdict.", "prlcoder_executor_runs_total", "verdict"),
        TimeSeriesPanel(
            "Executor's queue",
            "Items that are accepted and not finished.",
            "short",
            {"{{pod}}": f"sum by (pod) (prlcoder_executor_queue_depth{{{_HERE}}})"},
        ),
        _rates("Failures of the sandbox", "Items without verdict.", "prlcoder_executor_sandbox_errors_total", "reason"),
        _rates("Items with faulty tests", "Items without verdict.", "prlcoder_executor_test_errors_total", "pod"),
        _rates("Segments per second", "Segments, by mode.", "prlcoder_segmenter_segments_total", "mode"),
        _rates("Variants per second", "Variants, by kind.", "prlcoder_mutator_variants_total", "kind"),
        _rates("Steps scored per second", "Steps that the PRM scored.", "prlcoder_prm_steps_scored_total", "pod"),
        TimeSeriesPanel(
            "Scores of the PRM, quartiles",
            "Probability of a step of being right.",
            "percentunit",
            {
                f"{share:g}": f"histogram_quantile({share:g}, "
                f"sum by (le) (rate(prlcoder_prm_score_bucket{{{_HERE}}}{_RATE})))"
                for share in (0.25, 0.5, 0.75)
            },
        ),
        _rates("Tokens generated per second", "Tokens of the policy.", "prlcoder_policy_tokens_total", "pod"),
        TimeSeriesPanel(
            "Version of the policy's weights",
            "0 until the first UpdateWeights.",
            "short",
            {"{{pod}}": f"max by (pod) (prlcoder_policy_weights_version{{{_HERE}}})"},
        ),
    ]


def _rates(title: str, meaning: str, counter: str, label: str) -> TimeSeriesPanel:
    return TimeSeriesPanel(
        title, meaning, "short", {f"{{{{{label}}}}}": f"sum by ({label}) (rate({counter}{{{_HERE}}}{_RATE}))"}
    )


def run() -> Any:
    """The pods of a run's stages: what they use, why they wait, how they ended."""
    panels = [
        _sums("Active stages", "Pods of the run's Jobs that run or wait.", f"kube_job_status_active{{{_STAGE_JOB}}}"),
        _sums("Failed pods", "Pods of the run's Jobs that failed.", f"kube_job_status_failed{{{_STAGE_JOB}}}"),
        TimeSeriesPanel(
            "Why containers wait",
            "Stages whose container does not run.",
            "short",
            {"{{pod}} {{reason}}": f"sum by (pod, reason) (kube_pod_container_status_waiting_reason{{{_STAGE_POD}}})"},
        ),
        TimeSeriesPanel(
            "How containers ended",
            "Kubernetes' word for the end of a stage's container.",
            "short",
            {
                "{{pod}} {{reason}}": "sum by (pod, reason) "
                f"(kube_pod_container_status_terminated_reason{{{_STAGE_POD}}})"
            },
        ),
        TimeSeriesPanel(
            "CPU",
            "Cores in use.",
            "short",
            {"{{pod}}": f"sum by (pod) (rate(container_cpu_usage_seconds_total{{{_STAGE_POD}}}{_RATE}))"},
        ),
        TimeSeriesPanel(
            "Memory",
            "Memory that counts against the limit.",
            "bytes",
            {"{{pod}}": f"sum by (pod) (container_memory_working_set_bytes{{{_STAGE_POD}}})"},
        ),
        *_gpus(_STAGE_POD, "pod, gpu", "{{pod}} {{gpu}}"),
    ]
    return dashboard("prlcoder-run", "PRLCoder: run", [NAMESPACE_OF_JOBS, RUN], panels)


def _sums(title: str, meaning: str, selected: str) -> TimeSeriesPanel:
    return TimeSeriesPanel(title, meaning, "short", {"{{job_name}}": f"sum by (job_name) ({selected})"})


def _gpus(selector: str, labels: str, legend: str) -> list[TimeSeriesPanel]:
    return [
        TimeSeriesPanel(
            "GPU utilisation",
            "Share of time in which a kernel ran.",
            "percent",
            {legend: f"avg by ({labels}) (DCGM_FI_DEV_GPU_UTIL{{{selector}}})"},
        ),
        TimeSeriesPanel(
            "GPU memory",
            "Memory in use.",
            "decmbytes",
            {legend: f"sum by ({labels}) (DCGM_FI_DEV_FB_USED{{{selector}}})"},
        ),
    ]


def fleet() -> Any:
    """All runs of the chosen namespaces: how many stages are active, and how many GPUs they hold."""
    stages = f'{_HERE},container="stage"'
    panels = [
        TimeSeriesPanel(
            "Active stages by namespace",
            "Pods of stages' Jobs that run or wait.",
            "short",
            {
                "{{namespace}}": "sum by (namespace) (kube_job_status_active"
                f'{{{_HERE},job_name=~".+-(pretrain|supervise|sft|reward|policy|evaluate)"}})'
            },
        ),
        TimeSeriesPanel(
            "GPUs held",
            "GPUs that stages request.",
            "short",
            {
                "{{namespace}}": "sum by (namespace) (kube_pod_container_resource_requests"
                f'{{{stages},resource="nvidia_com_gpu"}})'
            },
        ),
        TimeSeriesPanel(
            "Stages that wait, by reason",
            "Containers of stages that do not run.",
            "short",
            {"{{reason}}": f"sum by (reason) (kube_pod_container_status_waiting_reason{{{stages}}})"},
        ),
        TimeSeriesPanel(
            "Pods by phase",
            "Pods of the namespaces, those of other programs included.",
            "short",
            {"{{phase}}": f"sum by (phase) (kube_pod_status_phase{{{_HERE}}})"},
        ),
        *_gpus(stages, "namespace", "{{namespace}}"),
        TimeSeriesPanel(
            "Operator",
            "Operators that are available.",
            "short",
            {
                "{{deployment}}": "sum by (deployment) "
                '(kube_deployment_status_replicas_available{deployment=~".*prlcoder.*-operator"})'
            },
        ),
        TimeSeriesPanel(
            "Services that Prometheus reaches",
            "1 per pod that answers a scrape.",
            "short",
            {"{{job}}": 'sum by (job) (up{app_kubernetes_io_part_of="prlcoder"})'},
        ),
    ]
    return dashboard("prlcoder-fleet", "PRLCoder: fleet", [NAMESPACE_OF_JOBS], panels)


DASHBOARDS: Final = {"services": services, "run": run, "fleet": fleet}


def page(name: str) -> str:
    """The file of a dashboard."""
    return json.dumps(DASHBOARDS[name](), indent=1) + "\n"


if __name__ == "__main__":
    print(page(sys.argv[1]), end="")
