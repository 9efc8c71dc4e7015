"""Turns each look at a run into metrics. It decides nothing and reads nothing from the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from prlcoder.operator.actions import CreateJob, CreateJobSet
from prlcoder.operator.conditions import moment
from prlcoder.operator.constants import StageProgress
from prlcoder.operator.gpu_seconds import GpuSeconds
from prlcoder.operator.metrics import KnownRun, OperatorMetrics
from prlcoder.operator.observed import Observed
from prlcoder.operator.plan import RunPlan

RESULTS = {StageProgress.DONE: "done", StageProgress.FAILED: "failed"}


class RunObserver:
    """Counts what happens to runs."""

    def __init__(self, metrics: OperatorMetrics, start: datetime) -> None:
        """``start`` is when this operator began."""
        self._metrics, self._gpus = metrics, GpuSeconds(start)
        self._queues: dict[tuple[str, str], str] = {}

    def looked(self, observed: Observed, decided: RunPlan, now: datetime) -> None:
        """A look has ended: its actions are carried out and its status is written."""
        run = observed.run
        status = decided.status if decided.status is not None else run.status
        queue, algorithm = str(run.spec.get("queueName") or ""), _algorithm(run.spec)
        stage = "" if status.get("phase") in ("Complete", "Failed") else str(status.get("stage") or "")
        known = KnownRun(str(status.get("phase") or "Pending"), stage, algorithm, queue)
        self._metrics.runs.note(run.namespace, run.name, known)
        self._queues[run.namespace, run.name] = queue
        if decided.status is not None:
            self._count_changes(run.status, decided.status, algorithm)
        begins = any(isinstance(action, CreateJob | CreateJobSet) for action in decided.actions)
        if begins and not any(job.owner == run.uid for job in observed.jobs):
            self._metrics.first_job_seconds.observe(max((now - run.created).total_seconds(), 0.0))
        for of_stage, use, seconds in self._gpus.note(observed, now):
            self._metrics.gpu_seconds.labels(queue, of_stage, use).inc(seconds)

    def gone(self, namespace: str, name: str) -> None:
        """The run does not exist any more."""
        self._metrics.runs.forget(namespace, name)
        queue = self._queues.pop((namespace, name), "")
        for stage, use, seconds in self._gpus.forget(namespace, name):
            self._metrics.gpu_seconds.labels(queue, stage, use).inc(seconds)

    def _count_changes(self, before: Mapping[str, Any], after: Mapping[str, Any], algorithm: str) -> None:
        """Restarts and ends of stages that the new status has and the old one has not."""
        known = {one["name"]: one for one in before.get("stages") or []}
        for stage in after.get("stages") or []:
            old = known.get(stage["name"], {})
            counts = {one["reason"]: one["count"] for one in old.get("restarts") or []}
            for one in stage.get("restarts") or []:
                if (more := one["count"] - counts.get(one["reason"], 0)) > 0:
                    self._metrics.restarts.labels(one["reason"]).inc(more)
            if (result := RESULTS.get(stage["state"])) and old.get("state") != stage["state"]:
                took = _seconds(stage)
                if took is not None:
                    self._metrics.stage_seconds.labels(algorithm, stage["name"], result).observe(took)


def _algorithm(spec: Mapping[str, Any]) -> str:
    policy = spec.get("policy")
    return str(policy.get("algorithm", "dpo")) if isinstance(policy, Mapping) else ""


def _seconds(stage: Mapping[str, Any]) -> float | None:
    """How long a stage's Job existed; None where the status does not say."""
    started, ended = moment(stage.get("startTime")), moment(stage.get("completionTime"))
    return max((ended - started).total_seconds(), 0.0) if started and ended else None
