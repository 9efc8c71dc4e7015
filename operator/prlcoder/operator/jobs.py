"""The Job of a stage. It lives as long as the stage: its own retries restart the pod, so that its UID, and with it the
run's place in a Kueue queue, survives every restart. Pure.
"""

from __future__ import annotations

from typing import Any

from prlcoder.operator.api_objects import NewObject
from prlcoder.operator.constants import (
    API_VERSION,
    CONTAINER,
    FATAL_EXIT_CODES,
    KIND,
    PRIORITY_LABEL,
    QUEUE_LABEL,
    SPEC_KEY,
)
from prlcoder.operator.observed import ObservedRun
from prlcoder.operator.pods import labels, pod_template, spec_name
from prlcoder.operator.settings import OperatorSettings
from prlcoder.operator.stage_options import StageOptions

DEFAULT_BACKOFF_LIMIT = 3


def job_name(run: str, stage: str) -> str:
    """A deterministic name: an operator that died between two actions finds what it made.

    >>> job_name("example", "policy")
    'example-policy'
    """
    return f"{run}-{stage}"


def stage_job(run: ObservedRun, stage: str, settings: OperatorSettings) -> NewObject:
    """The Job of a one-pod stage."""
    spec, own = run.spec, labels(run.name, stage)
    template = pod_template(run.name, stage, StageOptions.read(spec, stage), settings)
    queue, priority = spec.get("queueName"), spec.get("priorityClassName")
    if queue:
        own[QUEUE_LABEL] = queue
    if priority and queue:
        own[PRIORITY_LABEL] = priority
    elif priority:
        template["spec"]["priorityClassName"] = priority
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(run.name, stage),
            "namespace": run.namespace,
            "labels": own,
            "ownerReferences": [owner_reference(run)],
        },
        "spec": {
            "completionMode": "Indexed",
            "completions": 1,
            "parallelism": 1,
            "backoffLimit": spec.get("backoffLimit", DEFAULT_BACKOFF_LIMIT),
            "podReplacementPolicy": "Failed",  # a GPU is free before the next pod asks for it
            "podFailurePolicy": {"rules": list(_failure_rules())},
            "template": template,
        },
    }


def _failure_rules() -> list[dict[str, Any]]:
    """Configuration errors fail the Job at once, disruptions are not counted, and everything else is."""
    return [
        {
            "action": "FailJob",
            "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": list(FATAL_EXIT_CODES)},
        },
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]


def spec_config_map(run: ObservedRun, manifest: str) -> NewObject:
    """The frozen manifest of the run: defaults of a later operator do not reach a run that has begun."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": spec_name(run.name),
            "namespace": run.namespace,
            "labels": {key: value for key, value in labels(run.name, "").items() if value},
            "ownerReferences": [owner_reference(run)],
        },
        "immutable": True,
        "data": {SPEC_KEY: manifest},
    }


def owner_reference(run: ObservedRun) -> dict[str, Any]:
    """Children go with the run, by Kubernetes' own garbage collection: the run needs no finalizer."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": run.name,
        "uid": run.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
