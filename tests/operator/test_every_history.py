"""What holds for every history of a cluster."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.operator.cluster_model import BEGIN, PPO, SPEC, Cluster

from prlcoder.operator.actions import CreateJob
from prlcoder.operator.observed import ObservedJob
from prlcoder.operator.pod_reports import PodReport

HAPPENINGS = {
    "start": Cluster.start_pods,
    "finish": Cluster.finish,
    "crash": Cluster.crash,
    "fail": lambda cluster: cluster.crash(78, fatal=True),
    "evict": Cluster.evict,
    "work": lambda cluster: cluster.report(PodReport(done=1, total=4, worked=True)),
    "stall": lambda cluster: cluster.crash(79),
    "delete": Cluster.delete_job,
    "suspend": lambda cluster: cluster.suspend(True),
    "resume": lambda cluster: cluster.suspend(False),
    "wait": lambda cluster: cluster.wait(10),
    "reconcile": Cluster.reconcile,
    "die before acting": lambda cluster: cluster.reconcile(stop_after=0),
    "die after one action": lambda cluster: cluster.reconcile(stop_after=1),
}


EVALUATED_PPO = {**PPO, "evaluation": SPEC["evaluation"]}


@settings(max_examples=150, deadline=None)
@given(
    history=st.lists(st.sampled_from(sorted(HAPPENINGS)), max_size=30),
    foreign=st.booleans(),
    spec=st.sampled_from([SPEC, {**EVALUATED_PPO, "servers": "sidecar"}, {**EVALUATED_PPO, "servers": "separate"}]),
)
def test_every_history(history: list[str], foreign: bool, spec: dict[str, Any]) -> None:
    """Idempotent and convergent; at most one live Job per stage and one live stage; the end is the end; a suspended run
    has no active pod; what belongs to others is not touched."""
    cluster = Cluster(spec=spec, serves_job_set=True)
    if foreign:
        cluster.jobs["example-evaluate"] = ObservedJob("example-evaluate", "other", "their-uid", "", BEGIN)
    for name in history:
        ended = cluster.status.get("phase") in ("Complete", "Failed")
        phase = cluster.status.get("phase")
        HAPPENINGS[name](cluster)
        assert len({job.stage for job in cluster.live()}) == len(cluster.live()) <= 1
        if ended:
            assert cluster.status["phase"] == phase
        if foreign:
            assert cluster.jobs.get("example-evaluate", None) is None or cluster.jobs["example-evaluate"].uid == "other"
    cluster.settle()
    again = cluster.decide()
    assert (again.actions, again.status, again.events) == ((), None, ())
    if cluster.spec.get("suspend") or cluster.status["phase"] == "Failed":
        assert not any(pod.phase == "Running" for pod in cluster.pods.values())


@settings(max_examples=60, deadline=None)
@given(history=st.lists(st.sampled_from(["start", "crash", "evict", "reconcile", "suspend", "resume"]), max_size=15))
def test_an_old_look_does_no_harm(history: list[str]) -> None:
    """A plan made from a stale read is carried out after other things have happened."""
    cluster = Cluster()
    stale = cluster.observed()
    for name in history:
        HAPPENINGS[name](cluster)
        for action in cluster.decide(stale).actions:
            cluster.act(action)
        assert len(cluster.live()) <= 1
        stale = cluster.observed()
    cluster.settle()


def test_a_job_is_created_for_a_stage_once_only() -> None:
    cluster = Cluster()
    cluster.settle()
    (name,) = cluster.jobs
    assert not any(isinstance(action, CreateJob) for action in cluster.decide().actions)
    assert name == "example-pretrain"
