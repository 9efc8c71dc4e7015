"""The Deployment and the Service that leave a run's reward model serving (``spec.serve.prm``). Pure.

There is one of each per namespace. The run that finished last owns them: its model replaces the one before in a rolling
update, and both go when that run is deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prlcoder.operator.api_objects import NewObject
from prlcoder.operator.constants import (
    COMPONENT_LABEL,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    PRM_PORT,
    SERVED_COMPONENT,
    SERVED_PRM,
    SERVED_RUN_LABEL,
    SERVED_UID_ANNOTATION,
    STORAGE_FOLDER,
)
from prlcoder.operator.jobs import owner_reference
from prlcoder.operator.observed import ObservedRun
from prlcoder.operator.pods import RESTRICTED_CONTAINER, SHARED_MEMORY, restricted_pod
from prlcoder.operator.settings import OperatorSettings
from prlcoder.operator.stage_options import StageOptions

METRICS_PORT: Final = 9104
READY_FILE: Final = "/tmp/ready.json"
DRAIN_DELAY_S: Final = 5  # so long a pod that is to end still answers, until clients know of the next one
DRAIN_GRACE_S: Final = 30  # so long it finishes what it has accepted
GRACE_S: Final = 60
START_S: Final = 900  # that a model may take to load
SELECTOR: Final = {MANAGED_BY_LABEL: MANAGED_BY, COMPONENT_LABEL: SERVED_COMPONENT}
OPTIONS_OF: Final = "evaluate"  # the stage whose pod options the served model gets: it uses models and trains none


def served_prm(run: ObservedRun, model: str, settings: OperatorSettings) -> tuple[NewObject, NewObject]:
    """The Deployment that serves the reward model in the folder ``model``, and its Service."""
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(run),
        "spec": {
            "replicas": 1,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "selector": {"matchLabels": dict(SELECTOR)},
            "template": _template(run, model, settings),
        },
    }
    port = {"name": "grpc", "port": PRM_PORT, "targetPort": "grpc", "appProtocol": "grpc"}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(run),
        "spec": {"selector": dict(SELECTOR), "ports": [port]},
    }
    return deployment, service


def address(run: ObservedRun) -> str:
    """Where the served model answers."""
    return f"{SERVED_PRM}.{run.namespace}.svc:{PRM_PORT}"


def _metadata(run: ObservedRun) -> NewObject:
    return {
        "name": SERVED_PRM,
        "namespace": run.namespace,
        "labels": {**SELECTOR, SERVED_RUN_LABEL: run.name},
        "ownerReferences": [owner_reference(run)],
    }


def _template(run: ObservedRun, model: str, settings: OperatorSettings) -> NewObject:
    options = StageOptions.read(run.spec, OPTIONS_OF)
    container = {
        "name": "prm",
        "image": settings.image,
        "command": ["prlcoder", "serve", "prm"],
        "args": list(_arguments(model)),
        "env": [{"name": "HOME", "value": "/tmp"}, *options.env],
        "resources": options.resources or {},
        "ports": [
            {"name": "grpc", "containerPort": PRM_PORT},
            {"name": "metrics", "containerPort": METRICS_PORT},
        ],
        **_probes(),
        "securityContext": dict(RESTRICTED_CONTAINER),
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "shm", "mountPath": "/dev/shm"},
            {"name": "storage", "mountPath": STORAGE_FOLDER, "readOnly": True},
        ],
    }
    spec = {
        **restricted_pod(options, settings),
        "terminationGracePeriodSeconds": GRACE_S,
        "containers": [container],
        "volumes": [
            {"name": "tmp", "emptyDir": {}},
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": SHARED_MEMORY}},
            {"name": "storage", "persistentVolumeClaim": {"claimName": settings.claim, "readOnly": True}},
        ],
    }
    own = {"labels": {**SELECTOR, SERVED_RUN_LABEL: run.name}, "annotations": {SERVED_UID_ANNOTATION: run.uid}}
    return {"metadata": own, "spec": spec}


def _arguments(model: str) -> Iterator[str]:
    yield f"--model={model}"
    yield "--insecure"
    yield "--host=0.0.0.0"
    yield f"--port={PRM_PORT}"
    yield f"--metrics-port={METRICS_PORT}"
    yield f"--ready-file={READY_FILE}"
    yield f"--drain-delay={DRAIN_DELAY_S}"
    yield f"--drain-grace={DRAIN_GRACE_S}"


def _probes() -> NewObject:
    started = {"exec": {"command": ["test", "-s", READY_FILE]}, "periodSeconds": 2, "failureThreshold": START_S // 2}
    return {
        "startupProbe": started,
        "readinessProbe": {"grpc": {"port": PRM_PORT}, "periodSeconds": 2, "timeoutSeconds": 3},
        "livenessProbe": {"tcpSocket": {"port": PRM_PORT}, "periodSeconds": 20, "failureThreshold": 6},
    }
