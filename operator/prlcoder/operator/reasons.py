"""Why a stage waits or died, in the words of the closed list. Pure: recorded API objects in, a reason out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prlcoder.operator.constants import (
    FATAL_EXIT_CODES,
    NO_PROGRESS_EXIT_CODE,
    PREFLIGHT_CONTAINER,
    PREFLIGHT_EXIT_CODE,
    QUEUE_LABEL,
    Reason,
)
from prlcoder.operator.observed import ContainerEnd, ObservedJob, ObservedPod, ObservedServer
from prlcoder.operator.pod_reports import PodReport

KILLED: Final = 137  # 128 + SIGKILL: what the kernel's out-of-memory killer and an impatient kubelet leave
_IMAGE_REASONS: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
)
_STORAGE: Final = re.compile(r"^storage: ", re.MULTILINE)
_SERVICE: Final = re.compile(r"^service: ", re.MULTILINE)
_SECRET: Final = re.compile(r'(secret|configmap) "[^"]*" not found|couldn\'t find key', re.IGNORECASE)


@dataclass(frozen=True)
class Explanation:
    """A reason of the closed list, and one sentence with the particulars."""

    reason: Reason
    message: str


def why_waiting(
    job: ObservedJob, pods: Sequence[ObservedPod], warnings: Sequence[tuple[str, str]] = ()
) -> Explanation | None:
    """Why a Job that has not ended runs nothing, or None where nothing is known to be wrong.

    ``warnings`` are the reason and message of the Events of its pods: a volume that cannot be mounted is named there
    and nowhere else.
    """
    if job.suspended and QUEUE_LABEL in job.labels:
        message = job.suspension or "Kueue has not admitted the Job"
        return Explanation(Reason.QUOTA_WAIT, f"waits in queue {job.labels[QUEUE_LABEL]}: {message}")
    for pod in pods:
        if pod.phase == "Pending" and not pod.deleting and (found := _pod_waiting(pod, warnings)):
            return found
    if found := why_servers_fail(pods):
        return found
    refused = None if pods else next((message for reason, message in warnings if reason == "FailedCreate"), None)
    if refused is None:
        return None
    return Explanation(Reason.QUOTA_WAIT if "quota" in refused else Reason.UNSCHEDULABLE, f"{job.name}: {refused}")


def _pod_waiting(pod: ObservedPod, warnings: Sequence[tuple[str, str]]) -> Explanation | None:
    if pod.waiting is not None:
        reason, message = pod.waiting
        if reason in _IMAGE_REASONS:
            return Explanation(Reason.IMAGE_PULL, f"{pod.name}: {reason}: {message}")
        if reason == "CreateContainerConfigError" or _SECRET.search(message):
            return Explanation(Reason.SECRET_MISSING, f"{pod.name}: {message}")
    if pod.unscheduled is not None:
        message = pod.unscheduled[1]
        volume = "volume" in message.lower()  # also in "PersistentVolumeClaims" and "volume node affinity conflict"
        return Explanation(Reason.VOLUME_WAIT if volume else Reason.UNSCHEDULABLE, f"{pod.name}: {message}")
    for reason, message in warnings:
        if reason in ("FailedMount", "FailedAttachVolume"):
            missing = _SECRET.search(message) is not None
            return Explanation(Reason.SECRET_MISSING if missing else Reason.VOLUME_WAIT, f"{pod.name}: {message}")
    return None


def why_servers_fail(pods: Sequence[ObservedPod]) -> Explanation | None:
    """Why a server of reinforcement learning does not serve, or None.

    One that has ended once while a stage runs is not told: the kubelet restarts it, and the stage waits for it.
    """
    for pod in pods:
        for server in pod.servers if not pod.deleting and pod.phase in ("Pending", "Running") else ():
            patience = 1 if pod.phase == "Pending" or pod.server else 2  # restarts
            if server.backing_off or (not server.started and server.restarts >= patience):
                return _server_fails(pod, server)
    return None


def _server_fails(pod: ObservedPod, server: ObservedServer) -> Explanation:
    times = "once" if server.restarts <= 1 else f"{server.restarts} times"
    what = f"{pod.name}: the {server.name} server does not serve and was restarted {times}"
    end = server.end
    if end is None:
        return Explanation(Reason.SERVICE_UNAVAILABLE, what)
    reason = Reason.OUT_OF_MEMORY if end.reason == "OOMKilled" else Reason.SERVICE_UNAVAILABLE
    return Explanation(reason, f"{what}; {_particulars(end)}")


def why_stalled(
    stage: str, deadline_s: int, restarts: Mapping[Reason, int], report: PodReport | None
) -> Explanation | None:
    """Why a running stage counts as stalled: it finishes no work now, or it was restarted for that and has finished
    none since. None where it works, or where nothing is known."""
    step = f" at step {report.step}" if report and report.step else ""
    if report is not None and 0 < deadline_s <= report.idle_s:
        return Explanation(Reason.NO_PROGRESS, f"stage {stage} finished no work for {deadline_s} s{step}")
    if restarts.get(Reason.NO_PROGRESS, 0) and not (report and report.worked):
        message = f"stage {stage} finished no work for {deadline_s} s and was restarted; a second time fails the run"
        return Explanation(Reason.NO_PROGRESS, f"{message}; the stacks of its threads are in its log")
    return None


def why_ended(pod: ObservedPod) -> Explanation | None:
    """Why a pod failed, or None if it did not."""
    if pod.disrupted is not None:
        return Explanation(Reason.DISRUPTED, f"{pod.name}: {pod.disrupted or 'the pod was evicted'}")
    if pod.end is None:
        return None
    return Explanation(_cause(pod.end), f"{pod.name}: {_particulars(pod.end)}")


def _cause(end: ContainerEnd) -> Reason:
    if end.container == PREFLIGHT_CONTAINER or end.exit_code == PREFLIGHT_EXIT_CODE:
        if _STORAGE.search(end.message):
            return Reason.STORAGE_UNWRITABLE
        return Reason.SERVICE_UNAVAILABLE if _SERVICE.search(end.message) else Reason.PREFLIGHT_FAILED
    if end.reason == "OOMKilled":
        return Reason.OUT_OF_MEMORY
    if end.exit_code == NO_PROGRESS_EXIT_CODE:
        return Reason.NO_PROGRESS
    return Reason.CONFIG_ERROR if end.exit_code in FATAL_EXIT_CODES else Reason.CRASHED


def _particulars(end: ContainerEnd) -> str:
    last = end.message.strip()
    if end.reason == "OOMKilled":
        asked = f"memory limit {end.memory_limit or 'none'}, request {end.memory_request or 'none'}"
        return f"the container used more memory than it may ({asked}){_quoted(last)}"
    signal = " (killed)" if end.exit_code == KILLED else ""
    return f"container {end.container} ended with exit code {end.exit_code}{signal}{_quoted(last)}"


def _quoted(last: str) -> str:
    return f"; its last lines: {last}" if last else ""
