"""Each pod that ended is counted once, also when it is gone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.operator.cluster_model import BEGIN, Cluster

from prlcoder.operator.constants import Reason
from prlcoder.operator.observed import ContainerEnd, ObservedPod
from prlcoder.operator.restart_counts import MAX_PODS, RestartCounts, counted_singly

CRASH = ContainerEnd("stage", 1, "Error")


def crashed(uid: str) -> ObservedPod:
    """A pod that crashed and stays."""
    return ObservedPod(uid, "job", "sft", "Failed", BEGIN, uid=uid, end=CRASH)


def evicted(uid: str) -> ObservedPod:
    """A pod that was evicted, before it is removed."""
    return replace(crashed(uid), disrupted="node drained", deleting=True)


def after(*looks: list[ObservedPod], entry: dict[str, Any] | None = None) -> dict[str, Any]:
    """The entry of the status after looks at these pods."""
    entry = dict(entry or {})
    for pods in looks:
        entry |= counted_singly(entry, pods).entry()
    return entry


def counts(entry: dict[str, Any]) -> dict[str, int]:
    """The counts in an entry of the status by their reason."""
    return {str(reason): count for reason, count in RestartCounts.recorded(entry).by_reason.items()}


def test_two_evictions_are_two_although_the_first_pod_is_gone() -> None:
    assert counts(after([evicted("a")], [], [evicted("b")])) == {"Disrupted": 2}
    assert counts(after([evicted("a")], [evicted("b")])) == {"Disrupted": 2}


def test_a_pod_that_is_looked_at_again_is_not_counted_again() -> None:
    assert counts(after(*[[crashed("a")]] * 5, *[[crashed("a"), crashed("b"), evicted("c")]] * 5)) == {
        "Crashed": 2,
        "Disrupted": 1,
    }


def test_a_pod_that_is_gone_stays_counted_and_costs_no_write() -> None:
    entry = after([evicted("a"), crashed("b")])
    assert after([], entry=entry) == entry
    assert after([crashed("b")], entry=entry) == entry


def test_a_pod_that_is_being_evicted_counts_before_it_has_ended() -> None:
    going = replace(evicted("a"), phase="Running", end=None)
    assert counts(after([going], [evicted("a")], [])) == {"Disrupted": 1}
    assert counts(after([replace(evicted("a"), phase="Succeeded", end=None)])) == {}


def test_the_pods_of_a_suspended_job_and_those_deleted_by_hand_did_not_crash() -> None:
    assert counts(after([replace(crashed("a"), deleting=True)])) == {}


def test_counts_without_uids_are_those_of_an_earlier_operator() -> None:
    entry = {"restarts": [{"reason": "Crashed", "count": 1}, {"reason": "Disrupted", "count": 1}]}
    assert counts(after([crashed("a")], [crashed("a"), evicted("b")], entry=entry)) == {"Crashed": 1, "Disrupted": 2}


def test_more_pods_than_an_entry_can_name_are_each_counted_once() -> None:
    pods = [crashed(str(number)) for number in range(MAX_PODS + 10)]
    looks = [pods[: number + 1] for number in range(len(pods))]
    entry = after(*looks)
    assert counts(entry) == {str(Reason.CRASHED): len(pods)}
    assert len(entry["countedPods"]) == MAX_PODS


def test_the_status_counts_two_evictions_of_a_stage() -> None:
    cluster = Cluster()
    for _ in range(2):
        cluster.settle()
        cluster.start_pods()
        cluster.settle()
        cluster.evict()
        cluster.settle()
        cluster.pods = {}
    cluster.settle()
    assert cluster.status["restarts"] == 2
