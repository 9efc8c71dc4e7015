"""API objects as the plan sees them: one run, its Jobs and their pods, as frozen values. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from prlcoder.operator.api_objects import ApiObject
from prlcoder.operator.conditions import moment
from prlcoder.operator.constants import (
    ATTEMPT_LABEL,
    CONTAINER,
    GPU_RESOURCES,
    PREFLIGHT_CONTAINER,
    RESTART_LABEL,
    SERVER_LABEL,
    STAGE_LABEL,
)
from prlcoder.operator.pod_reports import PodReport


@dataclass(frozen=True)
class ObservedRun:
    """A TrainingRun. ``spec`` and ``status`` are as stored."""

    name: str
    namespace: str
    uid: str
    generation: int
    created: datetime
    spec: ApiObject
    status: ApiObject
    deleting: bool = False

    @classmethod
    def read(cls, document: ApiObject) -> ObservedRun:
        """The run in an API object."""
        metadata = document["metadata"]
        created = moment(metadata["creationTimestamp"])
        assert created is not None
        return cls(
            name=metadata["name"],
            namespace=metadata["namespace"],
            uid=metadata["uid"],
            generation=metadata.get("generation", 1),
            created=created,
            spec=document.get("spec") or {},
            status=document.get("status") or {},
            deleting="deletionTimestamp" in metadata,
        )

    @property
    def suspended(self) -> bool:
        """Whether the user wants the run to rest."""
        return bool(self.spec.get("suspend", False))


@dataclass(frozen=True)
class ObservedJob:
    """The Job of a stage, or its JobSet where it is ``grouped``. ``failure`` is the reason and message of its condition
    ``Failed``."""

    name: str
    uid: str
    owner: str | None
    stage: str
    created: datetime
    active: int = 0
    failed: int = 0
    succeeded: bool = False
    failure: tuple[str, str] | None = None
    suspended: bool = False
    suspension: str = ""  # the message of its condition ``Suspended``
    deleting: bool = False
    started: datetime | None = None
    finished: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    grouped: bool = False
    attempt: int | None = None  # of a Job that is one attempt at a stage with several nodes
    restarts: int = 0  # of pods that restart together: how often they have done so before

    @classmethod
    def read(cls, document: ApiObject) -> ObservedJob:
        """The Job or JobSet in an API object. Both have the same conditions but for one name."""
        metadata, status = document["metadata"], document.get("status") or {}
        conditions = {one["type"]: one for one in status.get("conditions") or [] if one.get("status") == "True"}
        complete = conditions.get("Complete") or conditions.get("Completed")
        ended = complete or conditions.get("Failed")
        failed = conditions.get("Failed")
        created = moment(metadata["creationTimestamp"])
        assert created is not None
        attempt = int((metadata.get("labels") or {}).get(ATTEMPT_LABEL) or 0) or None
        return cls(
            name=metadata["name"],
            uid=metadata["uid"],
            owner=controller_uid(metadata),
            stage=(metadata.get("labels") or {}).get(STAGE_LABEL, ""),
            created=created,
            active=status.get("active") or 0,
            failed=status.get("failed") or 0,
            succeeded=complete is not None,
            failure=None if failed is None else (failed.get("reason", ""), failed.get("message", "")),
            suspended=bool((document.get("spec") or {}).get("suspend", False)),
            suspension=conditions.get("Suspended", {}).get("message", ""),
            deleting="deletionTimestamp" in metadata,
            started=moment(status.get("startTime")),
            finished=moment(ended.get("lastTransitionTime")) if ended else None,
            labels=metadata.get("labels") or {},
            grouped=document.get("kind") == "JobSet",
            attempt=attempt,
            restarts=attempt - 1 if attempt else status.get("restarts") or 0,
        )

    @property
    def together(self) -> bool:
        """Whether its pods restart together."""
        return self.grouped or self.attempt is not None

    @property
    def ended(self) -> bool:
        """Whether the Job controller will start no further pod of it."""
        return self.succeeded or self.failure is not None


@dataclass(frozen=True)
class ContainerEnd:
    """How a container ended. ``message`` holds its last lines."""

    container: str
    exit_code: int
    reason: str
    message: str = ""
    memory_limit: str = ""
    memory_request: str = ""


@dataclass(frozen=True)
class ObservedServer:
    """The container of a server of reinforcement learning. ``end`` is how it ended last."""

    name: str
    started: bool  # whether it has loaded its model
    restarts: int
    backing_off: bool  # whether the kubelet waits before it restarts it once more
    end: ContainerEnd | None = None


@dataclass(frozen=True)
class ObservedPod:
    """A pod of a stage. ``server`` names the server whose own pod it is. ``waiting`` is the reason and message of the
    container or init container that cannot start."""

    name: str
    job: str | None  # the UID of its Job, or of the JobSet of that Job
    stage: str
    phase: str
    created: datetime
    waiting: tuple[str, str] | None = None
    unscheduled: tuple[str, str] | None = None
    end: ContainerEnd | None = None
    disrupted: str | None = None  # the message of the condition ``DisruptionTarget``
    deleting: bool = False
    uid: str = ""
    restart: int = 0  # of pods that restart together: how often they had done so before
    address: str = ""
    final_message: str = ""  # what the stage's container left when it succeeded
    gpus: int = 0  # of all its containers that run as long as the stage
    scheduled: datetime | None = None
    started: datetime | None = None  # its stage's container
    finished: datetime | None = None
    server: str = ""
    servers: tuple[ObservedServer, ...] = ()  # in this pod

    @classmethod
    def read(cls, document: ApiObject) -> ObservedPod:
        """The pod in an API object."""
        metadata, status = document["metadata"], document.get("status") or {}
        conditions = {one["type"]: one for one in status.get("conditions") or []}
        containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
        scheduled = conditions.get("PodScheduled", {})
        disrupted = conditions.get("DisruptionTarget", {})
        spec, labels = document.get("spec") or {}, metadata.get("labels") or {}
        server = labels.get(SERVER_LABEL, "")
        created = moment(metadata["creationTimestamp"])
        assert created is not None
        return cls(
            name=metadata["name"],
            job=controller_uid(metadata),
            stage=labels.get(STAGE_LABEL, ""),
            phase=status.get("phase", "Pending"),
            created=created,
            waiting=_waiting(containers),
            unscheduled=(scheduled.get("reason", ""), scheduled.get("message", ""))
            if scheduled.get("status") == "False"
            else None,
            end=_end(containers, spec),
            disrupted=disrupted.get("message", "") if disrupted.get("status") == "True" else None,
            deleting="deletionTimestamp" in metadata,
            uid=metadata.get("uid", ""),
            restart=_restart(labels),
            address=status.get("podIP", ""),
            final_message=_final_message(containers),
            gpus=_gpus(spec),
            scheduled=moment(scheduled.get("lastTransitionTime")) if scheduled.get("status") == "True" else None,
            started=_moment_of(server or CONTAINER, containers, "startedAt"),
            finished=_moment_of(server or CONTAINER, containers, "finishedAt"),
            server=server,
            servers=tuple(_servers(containers, spec, server)),
        )


@dataclass(frozen=True)
class Observed:
    """Everything that one decision is made from."""

    run: ObservedRun
    jobs: tuple[ObservedJob, ...] = ()  # owned by the run, or with a name that a stage of it needs
    pods: tuple[ObservedPod, ...] = ()
    frozen_spec: str | None = None  # the resolved manifest in the run's ConfigMap
    warnings: tuple[tuple[str, str], ...] = ()  # reason and message of Events about pods that no status holds
    serves_job_set: bool = False
    served_by_others: bool = False  # whether the names of a served model belong to something that is not ours
    reports: Mapping[str, PodReport] = field(default_factory=dict)  # by the pod's UID, of running pods that answered

    def job_of(self, stage: str) -> ObservedJob | None:
        """The Job of a stage that this run owns, or its newest attempt, if there is one."""
        own = [job for job in self.jobs if job.stage == stage and job.owner == self.run.uid]
        return max(own, key=lambda job: job.attempt or 0, default=None)

    def pods_of(self, job: ObservedJob) -> list[ObservedPod]:
        """The pods of a Job in which its stage runs, oldest first."""
        return [pod for pod in self._all_pods_of(job) if not pod.server]

    def server_pods_of(self, job: ObservedJob) -> list[ObservedPod]:
        """The pods of servers beside the trainer of a JobSet, oldest first."""
        return [pod for pod in self._all_pods_of(job) if pod.server]

    def _all_pods_of(self, job: ObservedJob) -> list[ObservedPod]:
        return sorted((pod for pod in self.pods if pod.job == job.uid), key=lambda pod: (pod.created, pod.name))

    def report_of(self, pods: Sequence[ObservedPod]) -> PodReport | None:
        """The report of the newest of these pods that runs and has answered; one that counts steps comes first."""
        found = [self.reports[pod.uid] for pod in reversed(pods) if pod.uid in self.reports]
        return next((report for report in found if report.done is not None), next(iter(found), None))


def controller_uid(metadata: ApiObject) -> str | None:
    """The UID of the object that controls this one, or None."""
    owners = metadata.get("ownerReferences") or []
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)


def _waiting(containers: Sequence[ApiObject]) -> tuple[str, str] | None:
    for container in containers:
        state = (container.get("state") or {}).get("waiting")
        if state and state.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            return state["reason"], state.get("message", "")
    return None


def _restart(labels: Mapping[str, str]) -> int:
    attempt = int(labels.get(ATTEMPT_LABEL) or 0)
    return attempt - 1 if attempt else int(labels.get(RESTART_LABEL) or 0)


def _final_message(containers: Sequence[ApiObject]) -> str:
    for container in containers:
        ended = (container.get("state") or {}).get("terminated")
        if ended and container["name"] == CONTAINER and ended.get("exitCode") == 0:
            return str(ended.get("message", ""))
    return ""


def _gpus(spec: ApiObject) -> int:
    """The GPUs of the containers and of the sidecars, by their limits."""
    running = [*(spec.get("containers") or []), *_sidecars(spec)]
    limits = [(one.get("resources") or {}).get("limits") or {} for one in running]
    return sum(int(amount) for own in limits for name, amount in own.items() if name in GPU_RESOURCES)


def _sidecars(spec: ApiObject) -> list[ApiObject]:
    return [one for one in spec.get("initContainers") or [] if one.get("restartPolicy") == "Always"]


def _servers(containers: Sequence[ApiObject], spec: ApiObject, own: str) -> Iterator[ObservedServer]:
    """The sidecars of a stage's pod, or the container of a server's ``own`` pod."""
    names = {own} if own else {one["name"] for one in _sidecars(spec)}
    for container in containers:
        if container["name"] in names:
            state, last = container.get("state") or {}, container.get("lastState") or {}
            ended = state.get("terminated") or last.get("terminated")
            yield ObservedServer(
                name=container["name"],
                started=bool(container.get("started")),
                restarts=container.get("restartCount") or 0,
                backing_off=(state.get("waiting") or {}).get("reason") == "CrashLoopBackOff",
                end=_container_end(container["name"], ended, spec) if ended else None,
            )


def _moment_of(name_of_container: str, containers: Sequence[ApiObject], name: str) -> datetime | None:
    """``startedAt`` or ``finishedAt`` of a container."""
    for container in containers:
        if container["name"] == name_of_container:
            state = container.get("state") or {}
            return moment((state.get("running") or state.get("terminated") or {}).get(name))
    return None


def _end(containers: Sequence[ApiObject], spec: ApiObject) -> ContainerEnd | None:
    """The first container that failed; a failed preflight is the cause of what follows it."""
    for container in containers:
        ended = (container.get("state") or {}).get("terminated")
        if ended and ended.get("exitCode") and container["name"] in (CONTAINER, PREFLIGHT_CONTAINER):
            return _container_end(container["name"], ended, spec)
    return None


def _container_end(name: str, ended: ApiObject, spec: ApiObject) -> ContainerEnd:
    containers = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    asked = next((one.get("resources") or {} for one in containers if one["name"] == name), {})
    return ContainerEnd(
        container=name,
        exit_code=ended.get("exitCode", 0),
        reason=ended.get("reason", ""),
        message=ended.get("message", ""),
        memory_limit=str((asked.get("limits") or {}).get("memory", "")),
        memory_request=str((asked.get("requests") or {}).get("memory", "")),
    )
