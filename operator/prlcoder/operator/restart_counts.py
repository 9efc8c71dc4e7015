"""How often the pods of a stage have ended before the stage had, and why. Pure.

An ended pod vanishes: that of an eviction within seconds, any other with its Job. The status therefore keeps the
counts, and beside them the UIDs of the pods that are counted, so that each pod is counted once. A pod that came and
went between two looks is not counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from prlcoder.operator.constants import Reason
from prlcoder.operator.observed import ObservedJob, ObservedPod
from prlcoder.operator.reasons import Explanation, why_ended

MAX_PODS: Final = 256  # newest of the ended pods that are still there; older ones are counted already


@dataclass(frozen=True)
class RestartCounts:
    """Restarts by reason, and the UIDs of the ended pods that are among them and may still be there."""

    by_reason: Mapping[Reason, int] = field(default_factory=dict)
    pods: tuple[str, ...] = ()

    @classmethod
    def recorded(cls, entry: Mapping[str, Any]) -> RestartCounts:
        """The counts in a stage's entry of the status."""
        counts = {Reason(one["reason"]): int(one["count"]) for one in entry.get("restarts") or []}
        return cls(_ordered(counts), tuple(entry.get("countedPods") or ()))

    def entry(self) -> dict[str, Any]:
        """The counts as a stage's entry of the status holds them."""
        if not self.by_reason:
            return {}
        restarts = [{"reason": str(reason), "count": count} for reason, count in self.by_reason.items()]
        return {"restarts": restarts, "countedPods": list(self.pods)}


def counted_singly(entry: Mapping[str, Any], pods: Sequence[ObservedPod]) -> RestartCounts:
    """The counts of pods that are restarted one by one: those in the ``entry`` of the status, and the ended pods
    (oldest first) that are not among them.

    An entry of an operator that kept no UIDs has counted the pods that are still there, or some of them.
    """
    before = RestartCounts.recorded(entry)
    ended = [(pod.uid or pod.name, end) for pod in pods if (end := _end(pod)) is not None][-MAX_PODS:]
    present = tuple(uid for uid, _ in ended)
    if before.by_reason and "countedPods" not in entry and ended:
        now = _added({}, [end for _, end in ended])
        reasons = {*before.by_reason, *now}
        most = {reason: max(before.by_reason.get(reason, 0), now.get(reason, 0)) for reason in reasons}
        return RestartCounts(_ordered(most), present)
    new = [end for uid, end in ended if uid not in before.pods]
    return RestartCounts(_added(before.by_reason, new), present) if new else before


def counted_together(entry: Mapping[str, Any], job: ObservedJob, pods: Sequence[ObservedPod]) -> RestartCounts:
    """The counts of pods that restart together: one per restart of the group, for the reason of the first pod that
    ended.

    The group's own number tells how many there were. A restart that nobody has seen the reason of counts as a crash.
    """
    counted = dict(RestartCounts.recorded(entry).by_reason)
    if (unseen := job.restarts - sum(counted.values())) > 0:
        counted[Reason.CRASHED] = counted.get(Reason.CRASHED, 0) + unseen
    ends = (why_ended(pod) for pod in pods if pod.phase == "Failed" and pod.restart == job.restarts)
    first = next((end for end in ends if end is not None), None)
    if first is not None and sum(counted.values()) == job.restarts:
        counted[first.reason] = counted.get(first.reason, 0) + 1
    return RestartCounts(_ordered(counted))


def _end(pod: ObservedPod) -> Explanation | None:
    """Why a pod has ended, or is about to: an evicted one is there for a moment only after its end.

    A pod that is deleted without a disruption belongs to a Job that is suspended, or was deleted by hand.
    """
    if pod.deleting:
        return why_ended(pod) if pod.disrupted is not None and pod.phase != "Succeeded" else None
    return why_ended(pod) if pod.phase == "Failed" else None


def _added(counts: Mapping[Reason, int], ends: Sequence[Explanation]) -> dict[Reason, int]:
    added = dict(counts)
    for end in ends:
        added[end.reason] = added.get(end.reason, 0) + 1
    return _ordered(added)


def _ordered(counts: Mapping[Reason, int]) -> dict[Reason, int]:
    return {reason: counts[reason] for reason in Reason if reason in counts}
