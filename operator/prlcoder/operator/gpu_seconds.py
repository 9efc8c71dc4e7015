"""How much GPU time the pods of stages have used, and for what.

Work counts as useful once a checkpoint holds it or the pod has succeeded, and as lost once the pod has failed or is
gone. Until then it counts as neither. An operator counts from its own start on, so that a new one repeats nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from prlcoder.operator.observed import Observed, ObservedPod

GpuUse = Literal["waiting", "useful", "lost"]


@dataclass
class _PodAccount:
    """What was counted of one pod, in GPU seconds. ``worked`` is all its work, ``settled`` the part that was counted as
    useful or lost."""

    stage: str
    waited: float = 0.0
    worked: float = 0.0
    settled: float = 0.0
    checkpoint: str | None = None
    seen: bool = False
    closed: bool = False

    def settle(self) -> float:
        """The work that was not counted before; it counts from now on."""
        rest, self.settled = self.worked - self.settled, self.worked
        return rest


class GpuSeconds:
    """The accounts of all pods with GPUs."""

    def __init__(self, start: datetime) -> None:
        """``start`` is when this operator began."""
        self._start = start
        self._accounts: dict[tuple[str, str], dict[str, _PodAccount]] = {}  # by run, then by the pod's UID

    def note(self, observed: Observed, now: datetime) -> list[tuple[str, GpuUse, float]]:
        """What is new since the last look at this run: stage, use and GPU seconds."""
        pods = {pod.uid: pod for pod in observed.pods if pod.gpus}
        run = observed.run.namespace, observed.run.name
        accounts = self._accounts.setdefault(run, {})
        found = []
        for uid, pod in pods.items():
            account = accounts.setdefault(uid, _PodAccount(pod.stage))
            report = observed.reports.get(uid)
            grown = self._grown(account, pod, report.checkpoint if report else None, now)
            found += [(pod.stage, use, seconds) for use, seconds in grown]
        for uid in accounts.keys() - pods.keys():
            found += _lost(accounts.pop(uid))
        if not accounts:
            del self._accounts[run]
        return [one for one in found if one[2] > 0]

    def forget(self, namespace: str, name: str) -> list[tuple[str, GpuUse, float]]:
        """The run is gone, and its pods with it."""
        accounts = self._accounts.pop((namespace, name), {})
        return [one for account in accounts.values() for one in _lost(account) if one[2] > 0]

    def _grown(
        self, account: _PodAccount, pod: ObservedPod, checkpoint: str | None, now: datetime
    ) -> Iterator[tuple[GpuUse, float]]:
        if account.closed:
            return
        ended = pod.phase in ("Succeeded", "Failed")
        end = pod.finished or now
        waited = pod.gpus * self._seconds(pod.scheduled, pod.started or end)
        yield "waiting", waited - account.waited
        account.waited = waited
        account.worked = max(account.worked, pod.gpus * self._seconds(pod.started, end))
        if pod.server:
            yield "useful", account.settle()  # of the run's own work: its trainer tells what is lost
        if checkpoint is not None and checkpoint != account.checkpoint:
            account.checkpoint = checkpoint
            if account.seen:  # at the first look nobody knows how old the checkpoint is
                yield "useful", account.settle()
        account.seen = True
        if ended:
            account.closed = True
            yield ("useful" if pod.phase == "Succeeded" else "lost"), account.settle()

    def _seconds(self, since: datetime | None, until: datetime) -> float:
        """The part of a time that lies after this operator's start."""
        return 0.0 if since is None else max((until - max(since, self._start)).total_seconds(), 0.0)


def _lost(account: _PodAccount) -> Sequence[tuple[str, GpuUse, float]]:
    return () if account.closed else ((account.stage, "lost", account.settle()),)
