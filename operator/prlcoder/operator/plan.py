"""What to do about one run, given everything that was observed. Pure: no clock, no cluster, no state of its own.

The same observation gives the same plan, and carrying a plan out twice changes nothing: names are deterministic, and
what exists is never applied again. A run that has ended stays ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from prlcoder.operator import status as statuses
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
from prlcoder.operator.attempts import attempt_job, group_service
from prlcoder.operator.constants import CONTROLLER_NAME, PROGRESS_PERIOD_S, QUEUE_LABEL, Reason, StageProgress
from prlcoder.operator.job_sets import stage_job_set
from prlcoder.operator.jobs import job_name, spec_config_map, stage_job
from prlcoder.operator.model_servers import STAGE as SERVED_STAGE
from prlcoder.operator.observed import Observed, ObservedJob
from prlcoder.operator.policies import deadline, no_progress, ttl
from prlcoder.operator.reasons import Explanation
from prlcoder.operator.resolve import Resolved
from prlcoder.operator.separate_servers import refused, servers_job_set
from prlcoder.operator.served_model import served_prm
from prlcoder.operator.settings import OperatorSettings
from prlcoder.operator.stage_options import StageOptions, needs_group
from prlcoder.operator.status import StageReport


@dataclass(frozen=True)
class RunPlan:
    """Actions in order, then one write of ``status`` (None: it is as it should be), then the events."""

    actions: tuple[ClusterAction, ...] = ()
    status: dict[str, Any] | None = None
    events: tuple[statuses.Event, ...] = ()
    requeue_after_s: float | None = None


NOTHING = RunPlan()


def plan(observed: Observed, resolved: Resolved, settings: OperatorSettings, now: datetime) -> RunPlan:
    """The next step for a run.

    ``resolved`` is the run's manifest, frozen or about to be, or the message that refuses it.
    """
    run = observed.run
    if run.deleting or run.spec.get("managedBy", CONTROLLER_NAME) != CONTROLLER_NAME:
        return NOTHING  # Kubernetes' garbage collector, or somebody else, takes care of it
    if ended := statuses.ended_at(run.status):
        return _after_the_end(observed, ended, now)
    if resolved.error is not None:
        return _settled(observed, resolved, [], Explanation(Reason.CONFIG_ERROR, resolved.error), now)
    if observed.frozen_spec is None:
        return RunPlan(actions=(CreateConfigMap(spec_config_map(run, resolved.manifest)),), requeue_after_s=0.0)
    reports = [statuses.report(observed, stage, given=stage in resolved.given) for stage in resolved.stages]
    verdict = _verdict(observed, resolved, reports, now)
    actions = () if verdict is not None else _actions(observed, resolved, reports, settings)
    if verdict is not None:
        actions = tuple(
            SuspendJob(job.name, job.uid, True, job.grouped) for job in _live_jobs(observed) if not job.suspended
        )  # a failed run holds no GPU
    elif resolved.served is not None and not observed.served_by_others and all(one.finished for one in reports):
        actions = (ServeModel(*served_prm(run, resolved.served, settings)),)
    settled = _settled(observed, resolved, reports, verdict, now)
    return replace(settled, actions=actions, requeue_after_s=_next_look(observed, reports, verdict, now))


def _actions(
    observed: Observed, resolved: Resolved, reports: Sequence[StageReport], settings: OperatorSettings
) -> tuple[ClusterAction, ...]:
    """Suspend or resume what runs, and create the Job of the first stage that is neither done nor there."""
    run = observed.run
    actions: list[ClusterAction] = [
        SuspendJob(job.name, job.uid, run.suspended, job.grouped)
        for job in _live_jobs(observed)
        if job.suspended != run.suspended and (run.suspended or QUEUE_LABEL not in job.labels)
    ]
    following = next((report for report in reports if not report.finished), None)
    if following is None or run.suspended or (following.job is not None and following.next_attempt is None):
        return tuple(actions)
    return (*actions, *_begin(observed, resolved, following, settings))


def _begin(
    observed: Observed, resolved: Resolved, report: StageReport, settings: OperatorSettings
) -> tuple[ClusterAction, ...]:
    """Create what runs a stage: a Job, or a JobSet for several nodes and for servers in pods of their own.

    Where the cluster has no JobSet, several nodes get one Job per attempt.
    """
    run, stage = observed.run, report.stage
    if stage == SERVED_STAGE and resolved.servers:
        if resolved.apart:
            return (CreateJobSet(servers_job_set(run, resolved.servers, settings)),)
        return (CreateJob(stage_job(run, stage, settings, resolved.servers)),)
    if not needs_group(stage, StageOptions.read(run.spec, stage).nodes):
        return (CreateJob(stage_job(run, stage, settings)),)
    if report.next_attempt is None and observed.serves_job_set:
        return (CreateJobSet(stage_job_set(run, stage, settings)),)
    job = attempt_job(run, stage, report.next_attempt or 1, settings)
    return CreateService(group_service(run, stage)), CreateJob(job)


def _live_jobs(observed: Observed) -> list[ObservedJob]:
    owned = (job for job in observed.jobs if job.owner == observed.run.uid)
    return [job for job in owned if not job.ended and not job.deleting]


def _verdict(
    observed: Observed, resolved: Resolved, reports: Sequence[StageReport], now: datetime
) -> Explanation | None:
    """Why the run has failed, or None while it may go on."""
    run = observed.run
    taken = {job.name for job in observed.jobs if job.owner != run.uid}
    for report in reports:
        if report.state == StageProgress.FAILED:
            return report.explanation
        if not report.finished and (name := job_name(run.name, report.stage)) in taken:
            message = f"a Job {name} exists that belongs to something else; delete it or give the run another name"
            return Explanation(Reason.NAME_CONFLICT, message)
        waits_for_servers = report.stage == SERVED_STAGE and resolved.apart and not report.finished
        if waits_for_servers and report.job is None and not observed.serves_job_set:
            return refused()
    return no_progress.exceeded(reports) or deadline.exceeded(observed, reports, now)


def _settled(
    observed: Observed, resolved: Resolved, reports: Sequence[StageReport], failure: Explanation | None, now: datetime
) -> RunPlan:
    """The status that follows from the observation, and an Event for each condition that changes."""
    status = statuses.build(observed, reports, failure, now, resolved.estimates)
    if statuses.same(status, observed.run.status):
        return RunPlan()
    return RunPlan(status=status, events=statuses.transitions(observed.run.status, status))


def _after_the_end(observed: Observed, ended: datetime, now: datetime) -> RunPlan:
    wait = ttl.remaining_s(observed, ended, now)
    if wait is None:
        return NOTHING
    return RunPlan(actions=(DeleteRun(observed.run.uid),)) if wait <= 0 else RunPlan(requeue_after_s=wait)


def _next_look(
    observed: Observed, reports: Sequence[StageReport], verdict: Explanation | None, now: datetime
) -> float | None:
    """When to look again although nothing has changed: at the next deadline, and for a running stage's progress."""
    if verdict is not None:
        return None
    running = any(report.state == StageProgress.RUNNING for report in reports)
    waits = (deadline.next_check(observed, now), PROGRESS_PERIOD_S if running else None)
    return min((wait for wait in waits if wait is not None), default=None)
