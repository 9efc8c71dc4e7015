"""The status of a run, made anew from its children at every look. Pure.

Only what no child can tell any more is read from the old status: that a stage was done before its Job was removed, that
the run ended, and since when a condition holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from prlcoder.operator import served_model
from prlcoder.operator.attempts import degraded, may_repeat
from prlcoder.operator.conditions import Condition, merged, moment, timestamp
from prlcoder.operator.constants import SERVED_PRM, NormalReason, Phase, Reason, StageProgress
from prlcoder.operator.jobs import backoff_limit
from prlcoder.operator.observed import Observed, ObservedJob, ObservedPod
from prlcoder.operator.pod_reports import PodReport, duration, final_metrics
from prlcoder.operator.reasons import Explanation, why_ended, why_servers_fail, why_stalled, why_waiting
from prlcoder.operator.restart_counts import RestartCounts, counted_singly, counted_together

Status = Mapping[str, Any]
TOLD_CONDITIONS: Final = ("Complete", "Failed", "Suspended", "Degraded")
EVENT_LIFETIME: Final = timedelta(hours=1)
DEFAULT_PROGRESS_DEADLINE_S: Final = 1800  # as in the spec; the API server fills it in


@dataclass(frozen=True)
class StageReport:
    """One stage as it is now. ``explanation`` says why it waits, stalls or failed; ``progress`` is what its pod has
    reported, and ``metrics`` what the finished stage has left."""

    stage: str
    state: StageProgress
    job: ObservedJob | None = None
    explanation: Explanation | None = None
    counts: RestartCounts = field(default_factory=RestartCounts)
    progress: PodReport | None = None
    metrics: tuple[tuple[str, str], ...] = ()
    next_attempt: int | None = None  # the attempt to begin, where the last one has failed

    @property
    def restarts(self) -> Mapping[Reason, int]:
        """How often pods of the stage ended, by reason."""
        return self.counts.by_reason

    @property
    def finished(self) -> bool:
        """Whether the stages after it may start."""
        return self.state in (StageProgress.DONE, StageProgress.GIVEN)


@dataclass(frozen=True)
class Event:
    """A Kubernetes Event about the run."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    transition: str  # the condition, whether it holds, and since when; two of the same transition are one Event


def report(observed: Observed, stage: str, *, given: bool) -> StageReport:
    """The state of a stage, from its Job and pods where there are any."""
    if given:
        return StageReport(stage, StageProgress.GIVEN)
    job, before = observed.job_of(stage), _recorded(observed.run.status, stage)
    if before.get("state") == StageProgress.DONE:
        return StageReport(stage, StageProgress.DONE, job)
    if job is None:
        return StageReport(stage, StageProgress.SUSPENDED if observed.run.suspended else StageProgress.PENDING)
    pods, deadline_s = observed.pods_of(job), progress_deadline_s(observed.run.spec)
    counts = counted_together(before, job, pods) if job.together else counted_singly(before, pods)
    if job.succeeded:
        message = next((pod.final_message for pod in reversed(pods) if pod.final_message), "")
        return StageReport(stage, StageProgress.DONE, job, counts=counts, metrics=final_metrics(message))
    if job.failure is not None:
        end = _why_failed(job, pods)
        if job.attempt is not None and may_repeat(end, counts.by_reason, backoff_limit(observed.run)):
            return StageReport(stage, StageProgress.WAITING, job, counts=counts, next_attempt=job.attempt + 1)
        return StageReport(stage, StageProgress.FAILED, job, end, counts)
    if job.suspended and observed.run.suspended:
        return StageReport(stage, StageProgress.SUSPENDED, job, counts=counts)
    everything = [*observed.server_pods_of(job), *pods]
    if any(pod.phase == "Running" and not pod.deleting for pod in pods):
        progress = observed.report_of(pods)
        stalled = why_servers_fail(everything) or why_stalled(stage, deadline_s, counts.by_reason, progress)
        return StageReport(stage, StageProgress.RUNNING, job, stalled, counts, progress)
    waiting = why_waiting(job, everything, observed.warnings) or why_stalled(stage, deadline_s, counts.by_reason, None)
    return StageReport(stage, StageProgress.WAITING, job, waiting, counts)


def progress_deadline_s(spec: Status) -> int:
    """After how many seconds without finished work a stage is restarted; 0 where that is turned off."""
    return int(spec.get("progressDeadlineSeconds", DEFAULT_PROGRESS_DEADLINE_S))


def _why_failed(job: ObservedJob, pods: Sequence[ObservedPod]) -> Explanation:
    """The end of the last pod; the Job's own words where no pod is left to tell."""
    last = next((found for pod in reversed(pods) if (found := why_ended(pod))), None)
    if last is not None:
        return last
    reason, message = job.failure or ("", "")
    known = Reason.DEADLINE_EXCEEDED if reason == "DeadlineExceeded" else Reason.CRASHED
    return Explanation(known, f"{job.name}: {reason}: {message}")


def build(
    observed: Observed,
    reports: Sequence[StageReport],
    failure: Explanation | None,
    now: datetime,
    estimates: Sequence[Status] = (),
) -> dict[str, Any]:
    """The whole status: what a write of the subresource should hold. ``estimates`` are known from the spec alone."""
    run = observed.run
    conditions = merged(
        run.status.get("conditions") or [], _conditions(observed, reports, failure), run.generation, now
    )
    stages = [_stage(observed, one, now) for one in reports] or list(run.status.get("stages") or [])
    current = next((one for one in reports if not one.finished), None)
    status: dict[str, Any] = {
        "observedGeneration": run.generation,
        "phase": str(_phase(observed, reports, failure)),
        "conditions": conditions,
        "stages": stages,
        "restarts": sum(entry["count"] for stage in stages for entry in stage.get("restarts", [])),
    }
    if current is not None:
        status["stage"] = current.stage
        status |= _progress(current, stages)
    if needs := _plan(run.status, reports) or list(estimates):
        status["plan"] = needs
    if results := next((one["metrics"] for one in stages if one["name"] == "evaluate" and "metrics" in one), None):
        status["results"] = results
    if wrong := failure or (current.explanation if current else None):
        status["reason"] = str(wrong.reason)
    return status


def _plan(before: Status, reports: Sequence[StageReport]) -> list[Status]:
    """What a stage's pod says that the stages will need; without a pod that tells it, what is known already."""
    told = next((one.progress.plan for one in reports if one.progress and one.progress.plan), ())
    return list(told or before.get("plan") or ())


def _progress(current: StageReport, stages: Sequence[Status]) -> dict[str, str]:
    """The columns Step and ETA: those of the stage that runs or waits."""
    shown = {}
    if step := next((one.get("step") for one in stages if one["name"] == current.stage), None):
        shown["step"] = step
    if current.progress is not None and (left := current.progress.eta_s) is not None:
        shown["eta"] = duration(left)
    return shown


def _stage(observed: Observed, one: StageReport, now: datetime) -> dict[str, Any]:
    before = _recorded(observed.run.status, one.stage)
    entry: dict[str, Any] = {"name": one.stage, "state": str(one.state)}
    if one.explanation is not None:
        entry["reason"], entry["message"] = str(one.explanation.reason), one.explanation.message
    entry |= (one.counts if one.job is not None and one.counts.by_reason else RestartCounts.recorded(before)).entry()
    entry |= _reported(one, before)
    job = one.job
    for name, value in (("startTime", job and job.started), ("completionTime", job and job.finished)):
        written = timestamp(value) if value else before.get(name)
        if written:
            entry[name] = written
    return entry


def _reported(one: StageReport, before: Status) -> dict[str, Any]:
    """Step, checkpoint and metrics: from the newest report, or as they were last known."""
    known = {name: before[name] for name in ("step", "checkpoint", "metrics") if name in before}
    if (progress := one.progress) is not None:
        known |= {name: value for name in ("step", "checkpoint") if (value := getattr(progress, name)) is not None}
    if metrics := one.metrics or (progress.metrics if progress else ()):
        known["metrics"] = [{"name": name, "value": value} for name, value in metrics]
    if one.state == StageProgress.DONE and "/" in known.get("step", ""):
        total = known["step"].partition("/")[2]
        known["step"] = f"{total}/{total}"  # the last report is older than the end
    return known


def _conditions(observed: Observed, reports: Sequence[StageReport], failure: Explanation | None) -> list[Condition]:
    done = bool(reports) and all(one.finished for one in reports) and failure is None
    current = next((one for one in reports if not one.finished), None)
    running = (
        NormalReason.STAGE_RUNNING
        if current and current.state == StageProgress.RUNNING
        else NormalReason.STAGE_STARTING
    )
    ordinary = NormalReason.ALL_STAGES_DONE if done else running
    what = f"stage {current.stage}" if current else _finished(observed)
    waits = current.explanation if current and failure is None else None
    stalled = failure or waits
    rest = observed.run.suspended and not done and failure is None
    return [
        Condition("Complete", "True" if done else "False", ordinary, what),
        _condition("Failed", failure, ordinary),
        Condition(
            "Suspended",
            "True" if rest else "False",
            NormalReason.SUSPENDED_BY_SPEC if rest else NormalReason.NOT_SUSPENDED,
            "spec.suspend is true; set it to false to go on" if rest else "",
        ),
        _condition("Stalled", stalled, ordinary),
        _condition("Degraded", waits or (_not_served(observed) if done else _lacking(current, failure)), ordinary),
    ]


def _finished(observed: Observed) -> str:
    what = "all stages have finished"
    serves = (observed.run.spec.get("serve") or {}).get("prm") and not observed.served_by_others
    return f"{what}; the reward model answers at {served_model.address(observed.run)}" if serves else what


def _not_served(observed: Observed) -> Explanation | None:
    """Why the reward model is not left serving although it should be."""
    if not observed.served_by_others:
        return None
    message = f"a Deployment or Service {SERVED_PRM} exists that belongs to something else; delete it and run again"
    return Explanation(Reason.NAME_CONFLICT, message)


def _lacking(current: StageReport | None, failure: Explanation | None) -> Explanation | None:
    """What the cluster lacks for the stage that runs now."""
    alone = current is None or failure is not None or current.job is None or current.job.attempt is None
    return None if alone or current is None else degraded(current.stage)


def _condition(name: str, found: Explanation | None, otherwise: str) -> Condition:
    if found is None:
        return Condition(name, "False", otherwise)
    return Condition(name, "True", found.reason, found.message)


def _phase(observed: Observed, reports: Sequence[StageReport], failure: Explanation | None) -> Phase:
    if failure is not None:
        return Phase.FAILED
    if reports and all(one.finished for one in reports):
        return Phase.COMPLETE
    if observed.run.suspended:
        return Phase.SUSPENDED
    begun = any(one.state in (StageProgress.RUNNING, StageProgress.DONE) for one in reports)
    return Phase.RUNNING if begun else Phase.PENDING


def ended_at(status: Status) -> datetime | None:
    """When the run became ``Complete`` or ``Failed``; None while it has not."""
    for condition in status.get("conditions") or []:
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
            return moment(condition["lastTransitionTime"])
    return None


def same(new: Status, old: Status) -> bool:
    """Whether a write of ``new`` over ``old`` would change nothing."""
    return all(old.get(name) == value for name, value in new.items()) and set(old) <= {*new, "results"}


def transitions(old: Status, new: Status) -> tuple[Event, ...]:
    """An Event for each condition whose status or reason changes: exactly one per transition."""
    before = {one["type"]: one for one in old.get("conditions") or []}
    events = []
    for condition in new["conditions"]:
        known = before.get(condition["type"], {"status": "False", "reason": condition["reason"]})
        changed = (known["status"], known["reason"]) != (condition["status"], condition["reason"])
        told = condition["type"] in TOLD_CONDITIONS
        if changed and told and (condition["status"] == "True" or known["status"] == "True"):
            events.append(_event(condition))
    return tuple(events)


def recent(status: Status, now: datetime) -> tuple[Event, ...]:
    """The Events of the conditions that hold since less than an hour: an operator that died before it posted one has
    told nobody. Kubernetes keeps Events for about as long."""
    return tuple(
        _event(condition)
        for condition in status.get("conditions") or []
        if condition["type"] in TOLD_CONDITIONS and condition["status"] == "True" and _is_recent(condition, now)
    )


def _is_recent(condition: Status, now: datetime) -> bool:
    since = moment(condition["lastTransitionTime"])
    return since is not None and now - since < EVENT_LIFETIME


def _event(condition: Mapping[str, Any]) -> Event:
    holds, wrong = condition["status"] == "True", condition["type"] in ("Failed", "Degraded")
    transition = f"{condition['type']}={condition['status']} at {condition['lastTransitionTime']}"
    if holds:
        return Event("Warning" if wrong else "Normal", condition["reason"], condition["message"], transition)
    return Event("Normal", condition["reason"], f"no longer {condition['type'].lower()}", transition)


def _recorded(status: Status, stage: str) -> Status:
    return next((one for one in status.get("stages") or [] if one["name"] == stage), {})
