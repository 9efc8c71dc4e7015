"""A training stage with several pods where the cluster has no JobSet: one Job per attempt, and a headless Service.
Pure.

The pods of an attempt end together, and another attempt is another Job. It has another UID, so that it queues anew in
Kueue; the condition ``Degraded/NoJobSet`` says so.
"""

from __future__ import annotations

from collections.abc import Mapping

from prlcoder.operator.api_objects import NewObject
from prlcoder.operator.constants import ATTEMPT_LABEL, RUN_LABEL, STAGE_LABEL, Reason
from prlcoder.operator.job_sets import group_spec, ranks_command, rendezvous
from prlcoder.operator.jobs import add_priority, child_metadata, job_name
from prlcoder.operator.observed import ObservedRun
from prlcoder.operator.pods import pod_template
from prlcoder.operator.reasons import Explanation
from prlcoder.operator.settings import OperatorSettings
from prlcoder.operator.stage_options import StageOptions


def attempt_name(run: str, stage: str, attempt: int) -> str:
    """A deterministic name per attempt.

    >>> attempt_name("example", "policy", 1), attempt_name("example", "policy", 2)
    ('example-policy', 'example-policy-2')
    """
    return job_name(run, stage) + (f"-{attempt}" if attempt > 1 else "")


def attempt_job(run: ObservedRun, stage: str, attempt: int, settings: OperatorSettings) -> NewObject:
    """The Job of one attempt. Its pods have names below the Service of the stage."""
    options, service = StageOptions.read(run.spec, stage), job_name(run.name, stage)
    name, own = attempt_name(run.name, stage, attempt), {ATTEMPT_LABEL: str(attempt)}
    variables = rendezvous(f"{name}-0.{service}", options)
    template = pod_template(run, stage, settings, ranks_command(stage), variables)
    template["spec"]["subdomain"] = service
    template["metadata"]["labels"] |= own
    add_priority(run, template)
    metadata = child_metadata(run, stage)
    metadata |= {"name": name, "labels": metadata["labels"] | own}
    spec = group_spec(options.nodes, template)
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def group_service(run: ObservedRun, stage: str) -> NewObject:
    """The headless Service that gives the pods of a stage their names, before they are ready."""
    selector = {RUN_LABEL: run.name, STAGE_LABEL: stage}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": child_metadata(run, stage),
        "spec": {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": selector},
    }


def may_repeat(end: Explanation, restarts: Mapping[Reason, int], limit: int) -> bool:
    """Whether a stage is attempted again after an attempt that ended so. A disruption is not counted."""
    if end.reason in (Reason.CONFIG_ERROR, Reason.DEADLINE_EXCEEDED):
        return False
    return sum(count for reason, count in restarts.items() if reason != Reason.DISRUPTED) <= limit


def degraded(stage: str) -> Explanation:
    """What a cluster without JobSet means for the stage."""
    what = f"stage {stage} has several nodes and the cluster has no JobSet, so that every restart queues anew"
    return Explanation(Reason.NO_JOB_SET, f"{what}; install JobSet")
