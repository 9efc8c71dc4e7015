"""Every name that the operator puts on Kubernetes objects, and the closed list of reasons that it reports."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

GROUP: Final = "prlcoder.dev"
VERSION: Final = "v1alpha1"
PLURAL: Final = "trainingruns"
KIND: Final = "TrainingRun"
API_VERSION: Final = f"{GROUP}/{VERSION}"

# Labels of every child. Children are matched by the owner's UID; the labels only narrow the lists that are read.
MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "prlcoder"
COMPONENT_LABEL: Final = "app.kubernetes.io/component"
RUN_LABEL: Final = "prlcoder.dev/run"
STAGE_LABEL: Final = "prlcoder.dev/stage"

# Kueue's labels: with a queue name Kueue alone decides when a Job is suspended.
QUEUE_LABEL: Final = "kueue.x-k8s.io/queue-name"
PRIORITY_LABEL: Final = "kueue.x-k8s.io/priority-class"

ATTEMPT_LABEL: Final = "prlcoder.dev/attempt"  # on a Job that is one attempt at a stage, counted from 1
RESTART_LABEL: Final = "jobset.sigs.k8s.io/restart-attempt"  # JobSet's, on its pods: how often it had restarted them

# The Deployment and the Service that leave the reward model of a run serving, one per namespace.
SERVED_PRM: Final = "prlcoder-served-prm"
SERVED_COMPONENT: Final = "served-prm"
SERVED_RUN_LABEL: Final = "prlcoder.dev/served-run"
SERVED_UID_ANNOTATION: Final = "prlcoder.dev/served-run-uid"  # another run of the same name has another model
PRM_PORT: Final = 8104

# The servers of reinforcement learning beside its trainer.
SERVER_COMPONENT: Final = "server"
SERVER_LABEL: Final = "prlcoder.dev/server"  # on a pod of its own: which server it is
POLICY_PORT: Final = 8105

CONTROLLER_NAME: Final = "prlcoder.dev/operator"  # ``spec.managedBy``: any other value means hands off

SPEC_KEY: Final = "run.yaml"  # the key of the resolved manifest in the run's ConfigMap
SPEC_FOLDER: Final = "/etc/prlcoder/run"  # where that ConfigMap is mounted in a stage's pod
STORAGE_FOLDER: Final = "/var/lib/prlcoder"  # where the claim is mounted where the storage is a claim
CREDENTIALS_FOLDER: Final = "/etc/prlcoder/credentials"  # where the Secret for TLS and tokens of services is mounted
# The variable of ``prlcoder.rpc.address`` that names the file of each key of that Secret.
CREDENTIAL_VARIABLES: Final = {
    "ca.crt": "PRLCODER_TLS_CA",
    "tls.crt": "PRLCODER_TLS_CERTIFICATE",
    "tls.key": "PRLCODER_TLS_KEY",
    "token": "PRLCODER_TOKEN_FILE",
}
CONTAINER: Final = "stage"  # the container of a stage's pod that runs the stage
PREFLIGHT_CONTAINER: Final = "preflight"
GPU_RESOURCES: Final = ("nvidia.com/gpu", "amd.com/gpu")

# Exit codes that a repeated attempt cannot mend: ``InputError``'s, and usage, data and configuration of ``sysexits.h``.
FATAL_EXIT_CODES: Final = (2, 64, 65, 78)
PREFLIGHT_EXIT_CODE: Final = 75
NO_PROGRESS_EXIT_CODE: Final = 79  # of a stage that ended itself because it finished no work for too long
MAX_STALLS: Final = 1  # a stage that finishes no work is restarted so often, and then fails
PROGRESS_PERIOD_S: Final = 30.0  # how often the progress of a running stage is read
TERMINATION_LOG: Final = "/dev/termination-log"
MAX_MESSAGE: Final = 1024  # characters; Kubernetes refuses longer messages of Events


class Phase(StrEnum):
    """The column ``Phase``: derived from the children for display, and never read back."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    COMPLETE = "Complete"
    FAILED = "Failed"


class StageProgress(StrEnum):
    """``status.stages[].state``."""

    PENDING = "Pending"
    WAITING = "Waiting"  # its Job exists, but no container of it runs
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    DONE = "Done"
    GIVEN = "Given"  # taken from the spec's ``from``
    FAILED = "Failed"


class Reason(StrEnum):
    """Why a run waits, restarts or fails. The list is closed: ``docs/kubernetes.md`` has one line for each."""

    IMAGE_PULL = "ImagePull"
    UNSCHEDULABLE = "Unschedulable"
    QUOTA_WAIT = "QuotaWait"
    VOLUME_WAIT = "VolumeWait"
    SECRET_MISSING = "SecretMissing"
    PREFLIGHT_FAILED = "PreflightFailed"
    OUT_OF_MEMORY = "OutOfMemory"
    CONFIG_ERROR = "ConfigError"
    CRASHED = "Crashed"
    DISRUPTED = "Disrupted"
    NO_PROGRESS = "NoProgress"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    NAME_CONFLICT = "NameConflict"
    STORAGE_UNWRITABLE = "StorageUnwritable"
    NO_JOB_SET = "NoJobSet"
    SERVICE_UNAVAILABLE = "ServiceUnavailable"


class NormalReason(StrEnum):
    """Reasons of conditions while nothing is wrong."""

    STAGE_RUNNING = "StageRunning"
    STAGE_STARTING = "StageStarting"
    ALL_STAGES_DONE = "AllStagesDone"
    SUSPENDED_BY_SPEC = "SuspendedBySpec"
    NOT_SUSPENDED = "NotSuspended"
