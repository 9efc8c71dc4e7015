"""The Job of a stage. It lives as long as the stage: its own retries restart the pod, so that its UID, and with it the
run's place in a Kueue queue, survives every restart. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from prlcoder.operator.model_servers import ModelServer
from prlcoder.operator.observed import ObservedRun
from prlcoder.operator.pods import MANIFEST, labels, pod_template, spec_name
from prlcoder.operator.settings import OperatorSettings
from prlcoder.operator.sidecars import add_sidecars
from prlcoder.operator.stage_options import StageOptions

DEFAULT_BACKOFF_LIMIT = 3


def job_name(run: str, stage: str) -> str:
    """A deterministic name: an operator that died between two actions finds what it made.

    >>> job_name("example", "policy")
    'example-policy'
    """
    return f"{run}-{stage}"


def stage_job(
    run: ObservedRun, stage: str, settings: OperatorSettings, servers: Sequence[ModelServer] = ()
) -> NewObject:
    """The Job of a stage in one pod, or of ``supervise`` in several, each of which builds one shard. ``servers`` are
    sidecars of the pod."""
    options = StageOptions.read(run.spec, stage)
    shards = options.nodes
    command = ["prlcoder", "run", MANIFEST, "--stage", stage]
    limit = backoff_limit(run)
    retries: NewObject = {"backoffLimit": limit}
    if shards > 1:
        command += ["--shard", f"pod/{shards}"]
        retries = {"backoffLimitPerIndex": limit, "maxFailedIndexes": 0}  # a lost shard ends the others too
    template = pod_template(run, stage, settings, command)
    add_sidecars(template, servers, options, settings)
    add_priority(run, template)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": child_metadata(run, stage),
        "spec": {
            "completionMode": "Indexed",
            "completions": shards,
            "parallelism": shards,
            **retries,
            "podReplacementPolicy": "Failed",  # a GPU is free before the next pod asks for it
            "podFailurePolicy": {"rules": list(_failure_rules())},
            "template": template,
        },
    }


def backoff_limit(run: ObservedRun) -> int:
    """How many crashes of a stage the run allows."""
    return int(run.spec.get("backoffLimit", DEFAULT_BACKOFF_LIMIT))


def child_metadata(run: ObservedRun, stage: str) -> NewObject:
    """Name, owner and labels of the object that runs a stage. With a queue, Kueue's labels are among them."""
    own, queue, priority = labels(run.name, stage), run.spec.get("queueName"), run.spec.get("priorityClassName")
    if queue:
        own[QUEUE_LABEL] = queue
    if queue and priority:
        own[PRIORITY_LABEL] = priority
    return {
        "name": job_name(run.name, stage),
        "namespace": run.namespace,
        "labels": own,
        "ownerReferences": [owner_reference(run)],
    }


def add_priority(run: ObservedRun, template: NewObject) -> None:
    """Put the run's priority class on the pods, unless it is the class of a queue."""
    priority = run.spec.get("priorityClassName")
    if priority and not run.spec.get("queueName"):
        template["spec"]["priorityClassName"] = priority


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
