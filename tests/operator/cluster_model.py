"""A model of a cluster, as far as the plan can see it: a run, Jobs with their pods, and what may happen to them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from prlcoder.operator.actions import (
    ClusterAction,
    CreateConfigMap,
    CreateJob,
    CreateJobSet,
    CreateService,
    DeleteRun,
    ServeModel,
    SuspendJob,
)
from prlcoder.operator.constants import SPEC_KEY
from prlcoder.operator.observed import ContainerEnd, Observed, ObservedJob, ObservedPod, ObservedRun
from prlcoder.operator.plan import RunPlan, plan
from prlcoder.operator.pod_reports import PodReport
from prlcoder.operator.resolve import Resolved, resolve
from prlcoder.operator.settings import OperatorSettings

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS = OperatorSettings(image="trainer:1")
PPO: dict[str, Any] = {
    "model": {"path": "org/coder"},
    "problems": {"source": "apps.jsonl"},
    "reward": {"from": "/models/prm"},
    "policy": {"algorithm": "ppo"},
}
SPEC: dict[str, Any] = {
    "model": {"scratch": {"preset": "nano"}, "promptTemplate": "nano"},
    "problems": {"source": "nano"},
    "pretrain": {},
    "supervision": {"teachers": [{"kind": "rules"}]},
    "evaluation": {"benchmarks": [{"source": "held-out"}]},
}
STAGES = ("pretrain", "supervise", "evaluate")


_resolved: dict[str, Resolved] = {}


def resolved(seen: Observed) -> Resolved:
    """The spec of an observation; the same text is resolved once, because the histories are many."""
    key = seen.frozen_spec or repr(seen.run.spec)
    if key not in _resolved:
        _resolved[key] = resolve(seen.run, seen.frozen_spec)
    return _resolved[key]


@dataclass
class Cluster:
    """What the API server holds. Every method is one thing that can happen."""

    spec: dict[str, Any] = field(default_factory=lambda: dict(SPEC))
    now: datetime = BEGIN
    status: dict[str, Any] = field(default_factory=dict)
    generation: int = 1
    frozen: str | None = None
    jobs: dict[str, ObservedJob] = field(default_factory=dict)
    pods: dict[str, ObservedPod] = field(default_factory=dict)
    deleted: bool = False
    events: list[tuple[str, str]] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    warnings: tuple[tuple[str, str], ...] = ()
    reports: dict[str, PodReport] = field(default_factory=dict)
    serves_job_set: bool = False
    services: list[str] = field(default_factory=list)
    served: list[dict[str, Any]] = field(default_factory=list)
    served_by_others: bool = False
    _count: int = 0

    def observed(self) -> Observed:
        """What a look at the cluster sees."""
        run = ObservedRun("example", "default", "run-uid", self.generation, BEGIN, self.spec, self.status)
        pods = tuple(self.pods.values())
        running = {pod.uid for pod in pods if pod.phase == "Running"}
        reports = {uid: report for uid, report in self.reports.items() if uid in running}
        return Observed(
            run,
            jobs=tuple(self.jobs.values()),
            pods=pods,
            frozen_spec=self.frozen,
            warnings=self.warnings,
            serves_job_set=self.serves_job_set,
            reports=reports,
            served_by_others=self.served_by_others,
        )

    def decide(self, observed: Observed | None = None) -> RunPlan:
        """The plan for what is seen now, or for an older look."""
        seen = observed or self.observed()
        return plan(seen, resolved(seen), SETTINGS, self.now)

    def reconcile(self, *, stop_after: int | None = None) -> RunPlan:
        """Carry out a plan, or its first actions only, as an operator that dies between two of them does."""
        decided = self.decide()
        for action in decided.actions[:stop_after]:
            self.act(action)
        if stop_after is None:
            if decided.status is not None:
                self.status = {**decided.status}
            self.events += [(event.type, event.reason) for event in decided.events]
        return decided

    def settle(self) -> None:
        """Reconcile until there is nothing to do."""
        for _ in range(20):
            decided = self.reconcile()
            if not decided.actions and decided.status is None:
                return
        raise AssertionError("the plan does not converge")

    def act(self, action: ClusterAction) -> None:
        """What the API server does with one action."""
        match action:
            case CreateConfigMap(manifest):
                self.frozen = self.frozen or manifest["data"][SPEC_KEY]
            case ServeModel(deployment, _):
                self.served.append(deployment)
            case CreateService(manifest):
                if manifest["metadata"]["name"] not in self.services:
                    self.services.append(manifest["metadata"]["name"])
            case CreateJob(manifest) | CreateJobSet(manifest):
                if action.name not in self.jobs:
                    metadata = manifest["metadata"]
                    self._count += 1
                    document = {**manifest, "metadata": {**metadata, "uid": f"job-{self._count}"}}
                    document["metadata"]["creationTimestamp"] = self.now.isoformat()
                    self.jobs[action.name] = ObservedJob.read(document)
                    self.created.append(action.name)
            case SuspendJob(name, uid, suspend):
                if (job := self.jobs.get(name)) and job.uid == uid:
                    self.jobs[name] = replace(job, suspended=suspend)
                    if suspend:
                        self.pods = {key: pod for key, pod in self.pods.items() if pod.job != uid}
            case DeleteRun():
                self.deleted = True

    # --- what happens by itself ---------------------------------------------------------------------------------------

    def live(self) -> list[ObservedJob]:
        """The run's Jobs that may still start pods."""
        return [job for job in self.jobs.values() if job.owner == "run-uid" and not job.ended]

    def start_pods(self) -> None:
        """The Job controller starts a pod of every Job that is not suspended."""
        for job in self.live():
            if not job.suspended and not any(p.job == job.uid and p.phase == "Running" for p in self.pods.values()):
                self._count += 1
                name = f"{job.name}-0-{self._count}"
                self.pods[name] = ObservedPod(
                    name, job.uid, job.stage, "Running", self.now, uid=name, restart=job.restarts
                )
                self.jobs[job.name] = replace(job, active=1, started=job.started or self.now)

    def report(self, report: PodReport) -> None:
        """Every running pod answers with this report from now on."""
        self.reports |= {pod.uid: report for pod in self.pods.values() if pod.phase == "Running"}

    def finish(self, message: str = "") -> None:
        """Every running Job succeeds, and its pod leaves the message."""
        for job in self.live():
            if self._end_pods(job, "Succeeded", None, message):
                self.jobs[job.name] = replace(job, succeeded=True, active=0, finished=self.now)

    def crash(self, code: int = 1, *, fatal: bool = False) -> None:
        """The running pods die; ``fatal`` makes their Jobs fail."""
        for job in self.live():
            end = ContainerEnd("stage", code, "Error", "Traceback: boom")
            if self._end_pods(job, "Failed", end):
                failure = ("PodFailurePolicy", "exit code") if fatal else None
                finished = self.now if fatal else None
                self.jobs[job.name] = replace(job, failed=job.failed + 1, active=0, failure=failure, finished=finished)

    def evict(self, *, fatal: bool = False) -> None:
        """The running pods are disrupted, which their Jobs do not count; ``fatal`` makes their Jobs fail."""
        for job in self.live():
            if fatal:
                failure = ("PodFailurePolicy", "condition DisruptionTarget")
                self.jobs[job.name] = replace(job, active=0, failure=failure, finished=self.now)
            for name, pod in self.pods.items():
                if pod.job == job.uid and pod.phase == "Running":
                    self.pods[name] = replace(pod, phase="Failed", disrupted="node drained")

    def delete_job(self) -> None:
        """Somebody deletes the newest Job by hand."""
        if self.jobs:
            name, job = list(self.jobs.items())[-1]
            del self.jobs[name]
            self.pods = {key: pod for key, pod in self.pods.items() if pod.job != job.uid}

    def suspend(self, value: bool) -> None:
        """The user edits ``spec.suspend``."""
        if self.spec.get("suspend", False) != value:
            self.spec = {**self.spec, "suspend": value}
            self.generation += 1

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += timedelta(seconds=seconds)

    def _end_pods(self, job: ObservedJob, phase: str, end: ContainerEnd | None, message: str = "") -> bool:
        running = [name for name, pod in self.pods.items() if pod.job == job.uid and pod.phase == "Running"]
        for name in running:
            self.pods[name] = replace(self.pods[name], phase=phase, end=end, final_message=message)
        return bool(running)


def condition(cluster: Cluster, name: str) -> dict[str, Any]:
    """The run's condition of that type."""
    return next(one for one in cluster.status["conditions"] if one["type"] == name)


def started() -> Cluster:
    """A run whose first stage runs."""
    cluster = Cluster()
    cluster.settle()
    cluster.start_pods()
    cluster.settle()
    return cluster


def finished() -> Cluster:
    """A run that is complete."""
    cluster = Cluster()
    for _ in STAGES:
        cluster.settle()
        cluster.start_pods()
        cluster.finish()
    cluster.settle()
    return cluster
