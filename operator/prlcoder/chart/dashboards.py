"""The chart's Grafana dashboards, ``charts/prlcoder/dashboards/*.json``:

    python -m prlcoder.chart.dashboards services > charts/prlcoder/dashboards/services.json

``services`` shows the metrics of the five services, ``run`` those of the trainings of a run, and ``fleet`` those of the
operator. ``run`` and ``fleet`` also show what other exporters know of the pods of stages.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
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
_TRAINING: Final = f'{_HERE},run=~"($run)"'  # labels that the PodMonitor of stages adds
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
    """The trainings of a run, and the pods of its stages: what they use, why they wait, how they ended."""
    panels = [
        *_training(),
        *_reinforcement_learning(),
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


def _training() -> list[TimeSeriesPanel]:
    """Every training stage."""
    return [
        _speed("Tokens per second", "Tokens trained on, or sampled by reinforcement learning.", "tokens"),
        _speed("Examples per second", "Examples trained on, or programs sampled by reinforcement learning.", "samples"),
        _newest("Loss", "Of the newest logged step.", "short", {"{{stage}}": "loss"}, floor=None),
        _newest("Gradient norm", "Before clipping.", "short", {"{{stage}}": "gradient_norm"}),
        TimeSeriesPanel(
            "Age of the newest checkpoint",
            "What a restart would repeat, at most.",
            "s",
            {"{{stage}}": f"time() - max by (stage) (prlcoder_train_last_checkpoint_timestamp_seconds{{{_TRAINING}}})"},
        ),
        TimeSeriesPanel(
            "Time by phase",
            "Share of the time.",
            "percentunit",
            {
                "{{stage}} {{phase}}": "sum by (stage, phase) "
                f"(rate(prlcoder_train_phase_seconds_total{{{_TRAINING}}}{_RATE}))"
            },
        ),
    ]


def _reinforcement_learning() -> list[TimeSeriesPanel]:
    """The stage ``policy`` with ``ppo``, ``rloo`` or ``grpo``."""
    mean_reward = f'prlcoder_train_reward{{{_TRAINING},stat="mean"}}'
    return [
        TimeSeriesPanel(
            "Reward by component",
            "Mean of a program.",
            "short",
            {"{{component}}": f"avg by (component) ({mean_reward})"},
            floor=None,
        ),
        _newest(
            "Pass rate and reward model",
            "Where the score rises and the pass rate does not, the policy pleases the reward model only.",
            "percentunit",
            {"passing": "pass_rate", "mean PRM score": "prm_score"},
        ),
        _newest(
            "Reward model on the policy's own steps",
            "Labels come from execution. An AUROC of 0.5 is chance.",
            "percentunit",
            {"AUROC": "prm_auroc", "wrong steps accepted": "prm_false_positive_rate"},
        ),
        _newest(
            "Divergence and entropy",
            "Nats per token.",
            "short",
            {"divergence from the initial policy": "kl", "entropy": "entropy"},
            floor=None,
        ),
        _newest(
            "Value model and clipping",
            "Below 0 the value model is worse than a constant.",
            "percentunit",
            {"explained variance": "explained_variance", "clipped tokens": "clip_fraction"},
            floor=None,
        ),
        _newest("Length", "Means of a program.", "short", {"tokens": "length_tokens", "segments": "segments"}),
        _newest(
            "Form of the programs",
            "Shares of lines, and of programs.",
            "percentunit",
            {
                "comments": "comment_ratio",
                "blank lines": "blank_ratio",
                "programs without a step": "empty_ratio",
                "lowest step is the last": "lowest_step_last_ratio",
            },
        ),
        TimeSeriesPanel(
            "Programs that are not trained on, per second",
            "By reason.",
            "short",
            {"{{reason}}": f"sum by (reason) (rate(prlcoder_train_dropped_total{{{_TRAINING}}}{_RATE}))"},
        ),
        TimeSeriesPanel(
            "Active alarms",
            "The log and the report say what to do.",
            "short",
            {"{{alarm}}": f"max by (alarm) (prlcoder_train_alarm{{{_TRAINING}}})"},
        ),
    ]


def _speed(title: str, meaning: str, what: str) -> TimeSeriesPanel:
    selected = f"prlcoder_train_{what}_total{{{_TRAINING}}}"
    return TimeSeriesPanel(title, meaning, "short", {"{{stage}}": f"sum by (stage) (rate({selected}{_RATE}))"})


def _newest(title: str, meaning: str, unit: str, metrics: Mapping[str, str], floor: int | None = 0) -> TimeSeriesPanel:
    """The newest values of some metrics of the training, by their legend."""
    queries = {
        legend: f"avg by (run, stage) (prlcoder_train_{name}{{{_TRAINING}}})" for legend, name in metrics.items()
    }
    return TimeSeriesPanel(title, meaning, unit, queries, floor)


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
    """All runs of the chosen namespaces, the operator's work, and the GPUs."""
    stages = f'{_HERE},container="stage"'
    panels = [
        *_runs(),
        *_operator(),
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


def _runs() -> list[TimeSeriesPanel]:
    """What the operator knows of the runs. Only ``prlcoder_runs`` has the namespace of the runs; the others have that
    of the operator, so they are not selected by it."""
    slow_start = f"sum by (le) (rate(prlcoder_run_first_job_seconds_bucket{_RATE}))"
    length = f"sum by (le, stage) (rate(prlcoder_run_stage_seconds_bucket{_RATE}))"
    return [
        TimeSeriesPanel(
            "Runs by phase", "Runs that exist.", "short", {"{{phase}}": f"sum by (phase) (prlcoder_runs{{{_HERE}}})"}
        ),
        TimeSeriesPanel(
            "GPUs by use",
            "GPU seconds per second. Useful work is in a checkpoint or a finished stage, lost work is not.",
            "short",
            {"{{kind}}": f"sum by (kind) (rate(prlcoder_run_gpu_seconds_total{_RATE}))"},
        ),
        TimeSeriesPanel(
            "Restarts per hour",
            "Restarts of stages, by reason.",
            "short",
            {"{{reason}}": f"3600 * sum by (reason) (rate(prlcoder_run_restarts_total{_RATE}))"},
        ),
        TimeSeriesPanel(
            "From apply to the first Job",
            "Nine in ten runs are faster.",
            "s",
            {"90th percentile": f"histogram_quantile(0.9, {slow_start})"},
        ),
        TimeSeriesPanel("Duration of stages", "Median.", "s", {"{{stage}}": f"histogram_quantile(0.5, {length})"}),
    ]


def _operator() -> list[TimeSeriesPanel]:
    looks = f"sum by (le) (rate(prlcoder_reconcile_duration_seconds_bucket{_RATE}))"
    return [
        TimeSeriesPanel(
            "Looks of the operator per second",
            "By result.",
            "short",
            {"{{result}}": f"sum by (result) (rate(prlcoder_reconcile_total{_RATE}))"},
        ),
        TimeSeriesPanel(
            "Duration of a look",
            "99th percentile, and the age of the oldest that has not ended.",
            "s",
            {
                "99th percentile": f"histogram_quantile(0.99, {looks})",
                "unfinished": "max by (pod) (prlcoder_workqueue_unfinished_work_seconds)",
            },
        ),
        TimeSeriesPanel(
            "The operator's queue",
            "Runs that wait to be looked at.",
            "short",
            {"waiting": "sum by (pod) (prlcoder_workqueue_depth)"},
        ),
        TimeSeriesPanel(
            "Calls of the API server per second",
            "By method and status.",
            "reqps",
            {"{{verb}} {{code}}": f"sum by (verb, code) (rate(prlcoder_api_requests_total{_RATE}))"},
        ),
    ]


DASHBOARDS: Final = {"services": services, "run": run, "fleet": fleet}


def page(name: str) -> str:
    """The file of a dashboard."""
    return json.dumps(DASHBOARDS[name](), indent=1) + "\n"


if __name__ == "__main__":
    print(page(sys.argv[1]), end="")
