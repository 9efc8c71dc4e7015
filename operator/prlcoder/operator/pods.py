"""The pod of a stage: what it runs, what it may use, where its storage is. Pure: a stage in, a pod template out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from prlcoder.operator.api_objects import NewObject
from prlcoder.operator.constants import (
    COMPONENT_LABEL,
    CONTAINER,
    CREDENTIAL_VARIABLES,
    CREDENTIALS_FOLDER,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    PREFLIGHT_CONTAINER,
    RUN_LABEL,
    SPEC_FOLDER,
    SPEC_KEY,
    STAGE_LABEL,
    STORAGE_FOLDER,
    TERMINATION_LOG,
)
from prlcoder.operator.observed import ObservedRun
from prlcoder.operator.settings import OperatorSettings
from prlcoder.operator.stage_options import StageOptions

GRACE_S: Final = 120  # a stage that gets SIGTERM saves a checkpoint before it exits
MANIFEST: Final = f"{SPEC_FOLDER}/{SPEC_KEY}"  # in every container
SHARED_MEMORY: Final = "8Gi"  # counts against the pod's memory limit where it has one

RESTRICTED_CONTAINER: Final[Mapping[str, Any]] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def labels(run: str, stage: str) -> dict[str, str]:
    """The labels of every child of a stage. They narrow lists; ownership is decided by the owner's UID."""
    return {MANAGED_BY_LABEL: MANAGED_BY, COMPONENT_LABEL: "stage", RUN_LABEL: run, STAGE_LABEL: stage}


def pod_template(
    run: ObservedRun,
    stage: str,
    settings: OperatorSettings,
    command: Sequence[str],
    variables: Sequence[Mapping[str, Any]] = (),
) -> NewObject:
    """The pod template of one stage of a run, whose container runs ``command`` on the frozen manifest.

    It is ``restricted`` by the Pod Security Standards. ``variables`` come last, so that a user's own do not replace
    them.
    """
    options = StageOptions.read(run.spec, stage)
    volumes, mounts = _volumes(run, settings)
    container = {
        "name": CONTAINER,
        "image": settings.image,
        "command": list(command),
        "env": [*_environment(options, settings), *variables],
        "resources": options.resources or {},
        "ports": [{"name": "progress", "containerPort": settings.progress_port}],
        "securityContext": dict(RESTRICTED_CONTAINER),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    }
    preflight = {
        **{key: container[key] for key in ("image", "env", "securityContext", "terminationMessagePolicy")},
        "name": PREFLIGHT_CONTAINER,
        "command": ["prlcoder", "preflight", MANIFEST, "--stage", stage],
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "volumeMounts": mounts,
    }
    spec: NewObject = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": GRACE_S,
        **restricted_pod(options, settings),
        "initContainers": [preflight],
        "containers": [container],
        "volumes": volumes,
    }
    return {"metadata": {"labels": labels(run.name, stage)}, "spec": spec}


def restricted_pod(options: StageOptions, settings: OperatorSettings) -> NewObject:
    """What every pod may do, and where it may run."""
    spec: NewObject = {
        "serviceAccountName": settings.service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "fsGroup": 10001,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    for field, value in (
        ("nodeSelector", options.node_selector),
        ("tolerations", options.tolerations),
        ("imagePullSecrets", options.image_pull_secrets),
        ("resourceClaims", options.resource_claims),
    ):
        if value:
            spec[field] = value
    return spec


def _environment(options: StageOptions, settings: OperatorSettings) -> list[Mapping[str, Any]]:
    """Addresses and credentials of services first, then the user's own variables, which may replace them."""
    own = {variable["name"] for variable in options.env}
    addresses = {f"PRLCODER_{name.upper()}": address for name, address in sorted(settings.services.items())}
    reporting = {"PRLCODER_PROGRESS_PORT": str(settings.progress_port), "PRLCODER_END_REPORT": TERMINATION_LOG}
    credentials = {CREDENTIAL_VARIABLES[key]: f"{CREDENTIALS_FOLDER}/{key}" for key in settings.credential_keys}
    fixed = {"HOME": "/tmp", **reporting, **addresses, **(credentials if settings.credentials else {})}
    return [*({"name": name, "value": value} for name, value in fixed.items() if name not in own), *options.env]


def _volumes(run: ObservedRun, settings: OperatorSettings) -> tuple[Sequence[NewObject], Sequence[NewObject]]:
    """The volumes of the pod and where its containers mount them. ``/dev/shm`` is memory: the loaders share tensors.

    The claim is mounted where the storage is a folder; an object store needs none.
    """
    storage = str((run.spec.get("storage") or {}).get("uri") or STORAGE_FOLDER)
    volumes: list[NewObject] = [
        {"name": "spec", "configMap": {"name": spec_name(run.name)}},
        {"name": "tmp", "emptyDir": {}},
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": SHARED_MEMORY}},
    ]
    mounts: list[NewObject] = [
        {"name": "spec", "mountPath": SPEC_FOLDER, "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},
        {"name": "shm", "mountPath": "/dev/shm"},
    ]
    if settings.credentials:
        secret = {"secretName": settings.credentials, "defaultMode": 0o440}
        volumes.append({"name": "credentials", "secret": secret})
        mounts.append({"name": "credentials", "mountPath": CREDENTIALS_FOLDER, "readOnly": True})
    if settings.claim and ("://" not in storage or storage.startswith("file://")):
        volumes.append({"name": "storage", "persistentVolumeClaim": {"claimName": settings.claim}})
        mounts.append({"name": "storage", "mountPath": STORAGE_FOLDER})
    return volumes, mounts


def spec_name(run: str) -> str:
    """The name of the ConfigMap with the run's frozen manifest."""
    return f"{run}-spec"
