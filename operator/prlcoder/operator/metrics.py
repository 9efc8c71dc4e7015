"""The operator's metrics: its work, its calls of the API server, and the runs that it looks after.

Names of runs are labels of ``prlcoder_run_info`` alone, whose series end with their run. The names are API:
``docs/reference/contracts.md``, section 7.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily

from prlcoder.telemetry.metrics import CALL_SECONDS, CounterMetric, GaugeMetric, HistogramMetric

LONG_SECONDS: Final = (1.0, 2.5, 5.0, *(10.0 * 2.0**power for power in range(14)))  # to a day
LOOK_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

RECONCILES: Final = CounterMetric(
    name="prlcoder_reconcile",
    help="Looks at runs that ended.",
    unit="looks",
    labels={"result": "`done`, `conflict` (the API server refused for now; it is tried again) or `error`"},
)
RECONCILE_SECONDS: Final = HistogramMetric(
    name="prlcoder_reconcile_duration_seconds",
    help="Duration of a look at one run: read, plan, act, write.",
    unit="seconds",
    buckets=LOOK_SECONDS,
)
QUEUE_DEPTH: Final = GaugeMetric(
    name="prlcoder_workqueue_depth", help="Runs that wait to be looked at now.", unit="runs"
)
QUEUE_ADDS: Final = CounterMetric(
    name="prlcoder_workqueue_adds",
    help="Runs that were put into the queue. One that waits already is not put in again.",
    unit="runs",
)
QUEUE_RETRIES: Final = CounterMetric(
    name="prlcoder_workqueue_retries", help="Looks that failed and are tried again.", unit="looks"
)
QUEUE_SECONDS: Final = HistogramMetric(
    name="prlcoder_workqueue_queue_duration_seconds",
    help="Time that a run waited in the queue.",
    unit="seconds",
    buckets=LOOK_SECONDS,
)
UNFINISHED: Final = GaugeMetric(
    name="prlcoder_workqueue_unfinished_work_seconds",
    help="Age of the oldest reconciliation that is still in progress; 0 if there is none.",
    unit="seconds",
)
API_CALLS: Final = CounterMetric(
    name="prlcoder_api_requests",
    help="Calls of the API server that ended. The watches are not counted.",
    unit="calls",
    labels={"verb": "HTTP method", "code": "`2xx`, the HTTP status of a refusal, or `none` without an answer"},
)
API_SECONDS: Final = HistogramMetric(
    name="prlcoder_api_request_duration_seconds",
    help="Duration of a call of the API server.",
    unit="seconds",
    labels={"verb": "HTTP method"},
    buckets=CALL_SECONDS,
)
RUNS: Final = GaugeMetric(
    name="prlcoder_runs",
    help="Runs that exist, by the phase that the operator last wrote.",
    unit="runs",
    labels={"namespace": "of the runs", "phase": "`Pending`, `Running`, `Suspended`, `Complete` or `Failed`"},
    absent="until the first look at a run of that phase",
)
RUN_INFO: Final = GaugeMetric(
    name="prlcoder_run_info",
    help="One series per run that exists; its value is 1.",
    unit="always 1",
    labels={
        "namespace": "of the run",
        "run": "its name",
        "phase": "as of `prlcoder_runs`",
        "stage": "the stage that it is at; empty at its end",
        "algorithm": "of the policy; empty without one",
        "queue": "its Kueue queue; empty without one",
    },
    absent="until the first look at the run, and after its deletion",
)
FIRST_JOB_SECONDS: Final = HistogramMetric(
    name="prlcoder_run_first_job_seconds",
    help="Time from the creation of a TrainingRun to that of its first Job or JobSet.",
    unit="seconds",
    buckets=LONG_SECONDS,
)
STAGE_SECONDS: Final = HistogramMetric(
    name="prlcoder_run_stage_seconds",
    help="Time from the start of a stage's Job to its end, all restarts included.",
    unit="seconds",
    labels={
        "algorithm": "of the run's policy; empty without one",
        "stage": "`pretrain`, `supervise`, `sft`, `reward`, `policy` or `evaluate`",
        "result": "`done` or `failed`",
    },
    buckets=LONG_SECONDS,
)
RESTARTS: Final = CounterMetric(
    name="prlcoder_run_restarts",
    help="Restarts of stages.",
    unit="restarts",
    labels={"reason": "one of the reasons in `docs/runbooks/reasons.md`"},
)
GPU_SECONDS: Final = CounterMetric(
    name="prlcoder_run_gpu_seconds",
    help="GPU time of stages' pods, GPUs times seconds. GPUs that a pod gets by resource claims are not counted.",
    unit="GPU seconds",
    labels={
        "queue": "the run's Kueue queue; empty without one",
        "stage": "as of `prlcoder_run_stage_seconds`",
        "kind": "`waiting` (the pod has its GPUs and its stage does not run yet), `useful` (work up to a checkpoint or "
        "to the successful end, counted when that is known) or `lost` (work after the last checkpoint of a pod that "
        "failed or was deleted)",
    },
)


class OperatorMetrics:
    """The operator's metrics in one registry. Used on one event loop; a scrape reads from a thread of its own.

    It is also the observer of the work queue.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.reconciles, self.reconcile_seconds = RECONCILES.register(registry), RECONCILE_SECONDS.register(registry)
        self.queue_depth, self.queue_adds = QUEUE_DEPTH.register(registry), QUEUE_ADDS.register(registry)
        self.queue_retries, self.queue_seconds = QUEUE_RETRIES.register(registry), QUEUE_SECONDS.register(registry)
        self.unfinished = UNFINISHED.register(registry)
        self.api_calls, self.api_seconds = API_CALLS.register(registry), API_SECONDS.register(registry)
        self.first_job_seconds = FIRST_JOB_SECONDS.register(registry)
        self.stage_seconds = STAGE_SECONDS.register(registry)
        self.restarts, self.gpu_seconds = RESTARTS.register(registry), GPU_SECONDS.register(registry)
        self.runs = KnownRuns()
        registry.register(self.runs)

    def added(self, waiting: int) -> None:
        """A run was put into the queue; ``waiting`` runs are in it now."""
        self.queue_adds.inc()
        self.queue_depth.set(waiting)

    def taken(self, waited_s: float, waiting: int) -> None:
        """A run that waited so long is looked at now."""
        self.queue_seconds.observe(waited_s)
        self.queue_depth.set(waiting)

    def failed(self) -> None:
        """A look failed and is tried again."""
        self.queue_retries.inc()

    def called(self, method: str, code: str, seconds: float) -> None:
        """A call of the API server has ended."""
        self.api_calls.labels(method, code).inc()
        self.api_seconds.labels(method).observe(seconds)

    def looked(self, result: str, seconds: float) -> None:
        """A look has ended with ``done``, ``conflict`` or ``error``."""
        self.reconciles.labels(result).inc()
        self.reconcile_seconds.observe(seconds)


@dataclass(frozen=True)
class KnownRun:
    """What ``prlcoder_run_info`` tells of a run."""

    phase: str
    stage: str
    algorithm: str
    queue: str


class KnownRuns:
    """The runs as they were at the last look. Their series are made at each scrape, so that those of a deleted run
    disappear."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], KnownRun] = {}

    def note(self, namespace: str, name: str, run: KnownRun) -> None:
        """The run as it is now."""
        self._known[namespace, name] = run

    def forget(self, namespace: str, name: str) -> None:
        """The run is gone."""
        self._known.pop((namespace, name), None)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The series of a scrape."""
        known = dict(self._known)
        yield _counted(known)
        info = GaugeMetricFamily(RUN_INFO.name, RUN_INFO.help, labels=list(RUN_INFO.labels))
        for (namespace, name), one in known.items():
            info.add_metric([namespace, name, one.phase, one.stage, one.algorithm, one.queue], 1)
        yield info


def _counted(known: Mapping[tuple[str, str], KnownRun]) -> GaugeMetricFamily:
    counts: dict[tuple[str, str], int] = {}
    for (namespace, _), one in known.items():
        counts[namespace, one.phase] = counts.get((namespace, one.phase), 0) + 1
    family = GaugeMetricFamily(RUNS.name, RUNS.help, labels=list(RUNS.labels))
    for (namespace, phase), count in counts.items():
        family.add_metric([namespace, phase], count)
    return family
