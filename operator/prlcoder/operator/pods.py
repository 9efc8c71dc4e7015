"""The pod of a stage: what it runs, what it may use, where its storage is. Pure: a stage in, a pod template out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from prlcoder.operator.api_objects import NewObject
from prlcoder.operator.constants import (
    COMPONENT_LABEL,
    CONTAINER,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    PREFLIGHT_CONTAINER,
    RUN_LABEL,
    SPEC_FOLDER,
    SPEC_KEY,
    STAGE_LABEL,
    STORAGE_FOLDER,
)
from prlcoder.operator.settings import OperatorSettings
from prlcoder.operator.stage_options import StageOptions

GRACE_S: Final = 120  # a stage that gets SIGTERM saves a checkpoint before it exits
METRICS_PORT: Final = 9400
SHARED_MEMORY: Final = "8Gi"  # counts against the pod's memory limit where it has one

_RESTRICTED: Final[Mapping[str, Any]] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def labels(run: str, stage: str) -> dict[str, str]:
    """The labels of every child of a stage. They narrow lists; ownership is decided by the owner's UID."""
    return {MANAGED_BY_LABEL: MANAGED_BY, COMPONENT_LABEL: "stage", RUN_LABEL: run, STAGE_LABEL: stage}


def pod_template(run: str, stage: str, options: StageOptions, settings: OperatorSettings) -> NewObject:
    """The pod template of one stage of a run. ``restricted`` by the Pod Security Standards."""
    volumes, mounts = _volumes(run, settings)
    container = {
        "name": CONTAINER,
        "image": settings.image,
        "command": ["prlcoder", "run", f"{SPEC_FOLDER}/{SPEC_KEY}", "--stage", stage],
        "env": _environment(options, settings),
        "resources": options.resources or {},
        "ports": [{"name": "metrics", "containerPort": METRICS_PORT}],
        "securityContext": dict(_RESTRICTED),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    }
    preflight = {
        **{key: container[key] for key in ("image", "env", "securityContext", "terminationMessagePolicy")},
        "name": PREFLIGHT_CONTAINER,
        "command": ["prlcoder", "preflight", f"{SPEC_FOLDER}/{SPEC_KEY}", "--stage", stage],
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "volumeMounts": mounts,
    }
    spec: NewObject = {
        "restartPolicy": "Never",
        "serviceAccountName": settings.service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_S,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "fsGroup": 10001,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [preflight],
        "containers": [container],
        "volumes": volumes,
    }
    for field, value in (
        ("nodeSelector", options.node_selector),
        ("tolerations", options.tolerations),
        ("imagePullSecrets", options.image_pull_secrets),
        ("resourceClaims", options.resource_claims),
    ):
        if value:
            spec[field] = value
    return {"metadata": {"labels": labels(run, stage)}, "spec": spec}


def _environment(options: StageOptions, settings: OperatorSettings) -> list[Mapping[str, Any]]:
    """The services' addresses first, then the user's own variables, which may replace them."""
    own = {variable["name"] for variable in options.env}
    addresses = {f"PRLCODER_{name.upper()}": address for name, address in sorted(settings.services.items())}
    fixed = {"HOME": "/tmp", **addresses}
    return [*({"name": name, "value": value} for name, value in fixed.items() if name not in own), *options.env]


def _volumes(run: str, settings: OperatorSettings) -> tuple[Sequence[NewObject], Sequence[NewObject]]:
    """The volumes of the pod and where its containers mount them. ``/dev/shm`` is memory: the loaders share tensors."""
    volumes: list[NewObject] = [
        {"name": "spec", "configMap": {"name": spec_name(run)}},
        {"name": "tmp", "emptyDir": {}},
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": SHARED_MEMORY}},
    ]
    mounts: list[NewObject] = [
        {"name": "spec", "mountPath": SPEC_FOLDER, "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},
        {"name": "shm", "mountPath": "/dev/shm"},
    ]
    if settings.claim:
        volumes.append({"name": "storage", "persistentVolumeClaim": {"claimName": settings.claim}})
        mounts.append({"name": "storage", "mountPath": STORAGE_FOLDER})
    return volumes, mounts


def spec_name(run: str) -> str:
    """The name of the ConfigMap with the run's frozen manifest."""
    return f"{run}-spec"
