"""One look at one run: read everything anew, plan, act, write the status once, and tell what changed."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from datetime import UTC, datetime
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
from prlcoder.operator.conditions import shortened, timestamp
from prlcoder.operator.constants import API_VERSION, KIND, MANAGED_BY, MANAGED_BY_LABEL, SERVED_PRM, SPEC_KEY
from prlcoder.operator.jobs import job_name
from prlcoder.operator.kube import ApiError, Kube, deployments_path, job_sets_path, jobs_path, run_path, services_path
from prlcoder.operator.observed import Observed, ObservedJob, ObservedPod, ObservedRun, controller_uid
from prlcoder.operator.observer import RunObserver
from prlcoder.operator.plan import RunPlan, plan
from prlcoder.operator.pod_report_reader import PodReportReader
from prlcoder.operator.pods import spec_name
from prlcoder.operator.resolve import Resolved, resolve
from prlcoder.operator.settings import OperatorSettings
from prlcoder.operator.stage_options import StageOptions
from prlcoder.operator.status import Event, ended_at, recent

_log = logging.getLogger(__name__)


async def reconcile(
    kube: Kube,
    reader: PodReportReader,
    namespace: str,
    name: str,
    settings: OperatorSettings,
    observer: RunObserver | None = None,
    *,
    first: bool = False,
) -> float | None:
    """Bring the run closer to what it asks for; seconds until it should be looked at again, or None.

    The ``first`` look of an operator also tells what the one before may have died too early to tell.
    """
    document = await kube.run(namespace, name)
    if document is None:
        if observer is not None:
            observer.gone(namespace, name)
        return None
    run = ObservedRun.read(document)
    for event in recent(run.status, datetime.now(UTC)) if first else ():
        await _tell(kube, run, event)
    if ended_at(run.status):
        resolved, observed = Resolved(), await _observe_ended(kube, run)
    else:
        frozen = await _frozen_spec(kube, run)
        resolved = resolve(run, frozen)
        observed = await _observe(kube, reader, run, frozen, resolved)
    now = datetime.now(UTC)
    decided = plan(observed, resolved, settings, now)
    for action in decided.actions:
        await act(kube, run, action)
    if decided.status is not None:
        await _write_status(kube, run, document, decided)
    if observer is not None:
        observer.looked(observed, decided, now)
    for event in decided.events:
        await _tell(kube, run, event)
    return decided.requeue_after_s


async def _frozen_spec(kube: Kube, run: ObservedRun) -> str | None:
    found = await kube.config_map(run.namespace, spec_name(run.name))
    if found is None:
        return None
    owners = found["metadata"].get("ownerReferences") or []
    own = any(owner["uid"] == run.uid for owner in owners)
    return str(found["data"][SPEC_KEY]) if own else None


async def _observe_ended(kube: Kube, run: ObservedRun) -> Observed:
    """What is left of a run that has ended: nothing else of it decides anything any more."""
    jobs, pods = await kube.jobs(run.namespace, run.name), await kube.pods(run.namespace, run.name)
    return Observed(run=run, jobs=tuple(map(ObservedJob.read, jobs)), pods=tuple(map(ObservedPod.read, pods)))


async def _observe(
    kube: Kube, reader: PodReportReader, run: ObservedRun, frozen: str | None, resolved: Resolved
) -> Observed:
    grouped = await kube.serves_job_set() if resolved.stages else False
    documents = await kube.jobs(run.namespace, run.name)
    sets = await kube.job_sets(run.namespace, run.name) if grouped else []
    jobs = [ObservedJob.read(one) for one in (*documents, *sets)]
    jobs += await _with_taken_names(kube, run, resolved, {job.name for job in jobs}, grouped=grouped)
    groups = {one["metadata"]["uid"]: controller_uid(one["metadata"]) for one in documents}
    set_uids = {one["metadata"]["uid"] for one in sets}
    pods = [ObservedPod.read(one) for one in await kube.pods(run.namespace, run.name)]
    pods = [replace(pod, job=group) if (group := groups.get(pod.job or "")) in set_uids else pod for pod in pods]
    own = {job.uid for job in jobs if job.owner == run.uid}
    waiting = {pod.name for pod in pods if pod.phase == "Pending"} | {job.name for job in jobs if not job.ended}
    warnings = await kube.warnings(run.namespace, waiting) if waiting else []
    return Observed(
        run=run,
        jobs=tuple(jobs),
        pods=tuple(pods),
        frozen_spec=frozen,
        warnings=tuple(warnings),
        reports=await reader.reports(pod for pod in pods if pod.job in own and not pod.server),
        serves_job_set=grouped,
        served_by_others=resolved.served is not None and await _served_by_others(kube, run),
    )


async def _served_by_others(kube: Kube, run: ObservedRun) -> bool:
    """Whether a Deployment or a Service of the name of a served model is not the operator's."""
    paths = (deployments_path(run.namespace), services_path(run.namespace))
    found = [await kube.object_at(f"{path}/{SERVED_PRM}") for path in paths]
    own = [(one["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL) == MANAGED_BY for one in found if one]
    return not all(own)


async def _with_taken_names(
    kube: Kube, run: ObservedRun, resolved: Resolved, seen: set[str], *, grouped: bool
) -> list[ObservedJob]:
    """The objects that have a name which a stage of the run needs and that carry no label of ours."""
    found = []
    for stage in resolved.stages:
        name, nodes = job_name(run.name, stage), StageOptions.read(run.spec, stage).nodes
        in_set = grouped and resolved.in_group(stage, nodes)
        path = (job_sets_path if in_set else jobs_path)(run.namespace)
        if name not in seen and (taken := await kube.object_at(f"{path}/{name}")):
            found.append(ObservedJob.read(taken))
    return found


async def act(kube: Kube, run: ObservedRun, action: ClusterAction) -> None:
    """Carry out one action. Each may be repeated, so that an operator that dies between two loses nothing."""
    jobs, sets = jobs_path(run.namespace), job_sets_path(run.namespace)
    match action:
        case CreateConfigMap(manifest):
            await kube.create(f"/api/v1/namespaces/{run.namespace}/configmaps", manifest)
        case CreateJob(manifest):
            await kube.create(jobs, manifest)
        case CreateService(manifest):
            await kube.create(services_path(run.namespace), manifest)
        case CreateJobSet(manifest):
            await kube.create(sets, manifest)
        case SuspendJob(name, uid, suspend, grouped):
            path = f"{sets if grouped else jobs}/{name}"
            await kube.patch(path, {"metadata": {"uid": uid}, "spec": {"suspend": suspend}})
        case ServeModel(deployment, service):
            await kube.apply(f"{deployments_path(run.namespace)}/{SERVED_PRM}", deployment)
            await kube.apply(f"{services_path(run.namespace)}/{SERVED_PRM}", service)
        case DeleteRun(uid):
            await kube.delete(run_path(run.namespace, run.name), uid)


async def _write_status(kube: Kube, run: ObservedRun, document: dict[str, Any], decided: RunPlan) -> None:
    """The one write of a look. The resource version makes it fail if the run has changed since it was read."""
    metadata = {"resourceVersion": document["metadata"]["resourceVersion"], "uid": run.uid}
    removed = {name: None for name in run.status if name not in (decided.status or {}) and name != "results"}
    body = {"metadata": metadata, "status": {**removed, **(decided.status or {})}}
    await kube.patch(f"{run_path(run.namespace, run.name)}/status", body)


async def _tell(kube: Kube, run: ObservedRun, event: Event) -> None:
    """Post an Event. It is for people: one that is refused is logged, and nothing waits for it.

    Its name follows from the transition, so that it is posted once.
    """
    told = hashlib.sha256(f"{run.uid} {event.transition} {event.reason}".encode()).hexdigest()[:16]
    now = timestamp(datetime.now(UTC))
    document = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{run.name}.{told}", "namespace": run.namespace},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": run.name,
            "namespace": run.namespace,
            "uid": run.uid,
        },
        "type": event.type,
        "reason": event.reason,
        "message": shortened(event.message),
        "source": {"component": "prlcoder-operator"},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    try:
        await kube.create(f"/api/v1/namespaces/{run.namespace}/events", document)
    except ApiError as error:
        _log.warning("%s/%s: the Event %s was refused: %s", run.namespace, run.name, event.reason, error)
