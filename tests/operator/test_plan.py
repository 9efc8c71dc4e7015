"""What the plan decides, told by the model of a cluster."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.operator.cluster_model import BEGIN, SPEC, STAGES, Cluster, condition, finished, started

from prlcoder.operator.actions import CreateConfigMap, SuspendJob
from prlcoder.operator.observed import ContainerEnd, ObservedJob, ObservedPod


def test_the_spec_is_frozen_before_anything_else() -> None:
    (action,) = Cluster().decide().actions
    assert isinstance(action, CreateConfigMap)
    assert "preset: nano" in action.manifest["data"]["run.yaml"]


def test_stages_run_one_after_the_other() -> None:
    cluster = Cluster()
    for stage in STAGES:
        cluster.settle()
        assert [job.stage for job in cluster.live()] == [stage]
        cluster.start_pods()
        cluster.settle()
        assert (cluster.status["phase"], cluster.status["stage"]) == ("Running", stage)
        cluster.finish()
    cluster.settle()
    assert cluster.created == [f"example-{stage}" for stage in STAGES]
    assert cluster.status["phase"] == "Complete"
    assert condition(cluster, "Complete")["status"] == "True"
    assert cluster.events == [("Normal", "AllStagesDone")]


def test_a_pod_that_dies_is_the_jobs_affair() -> None:
    cluster = started()
    cluster.crash()
    cluster.settle()
    cluster.start_pods()
    cluster.evict()
    cluster.settle()
    assert cluster.created == ["example-pretrain"]
    assert cluster.status["stages"][0]["restarts"] == [
        {"reason": "Crashed", "count": 1},
        {"reason": "Disrupted", "count": 1},
    ]
    assert cluster.status["restarts"] == 2


def test_a_configuration_error_fails_the_run_with_its_last_lines() -> None:
    cluster = started()
    cluster.crash(65, fatal=True)
    cluster.settle()
    failed = condition(cluster, "Failed")
    assert (failed["status"], failed["reason"]) == ("True", "ConfigError")
    assert "exit code 65; its last lines: Traceback: boom" in failed["message"]
    assert condition(cluster, "Stalled")["status"] == "True"  # what Helm, Flux and Argo look at
    assert cluster.events == [("Warning", "ConfigError")]


def test_a_spec_that_is_refused_says_what_validate_says() -> None:
    cluster = Cluster(spec={**SPEC, "segmentation": "sentence"})
    cluster.settle()
    failed = condition(cluster, "Failed")
    assert failed["reason"] == "ConfigError"
    assert failed["message"].startswith("spec.segmentation: ")
    assert cluster.jobs == {}


def test_suspending_stops_the_job_and_resuming_goes_on_with_it() -> None:
    cluster = started()
    cluster.suspend(True)
    cluster.settle()
    assert [job.suspended for job in cluster.live()] == [True]
    assert cluster.status["phase"] == "Suspended"
    cluster.suspend(False)
    cluster.settle()
    assert [job.suspended for job in cluster.live()] == [False]
    assert cluster.created == ["example-pretrain"]


def test_kueue_alone_admits_a_job_with_a_queue() -> None:
    cluster = Cluster(spec={**SPEC, "queueName": "gpus"})
    cluster.settle()
    (name,) = cluster.jobs
    cluster.jobs[name] = replace(cluster.jobs[name], suspended=True, suspension="waits for 8 GPUs")
    decided = cluster.decide()
    assert not any(isinstance(action, SuspendJob) for action in decided.actions)
    cluster.settle()
    assert condition(cluster, "Degraded")["reason"] == "QuotaWait"
    assert "queue gpus: waits for 8 GPUs" in condition(cluster, "Degraded")["message"]


def test_a_deleted_job_is_made_again() -> None:
    cluster = started()
    cluster.delete_job()
    cluster.settle()
    assert cluster.created == ["example-pretrain", "example-pretrain"]


def test_the_job_of_a_finished_stage_may_go() -> None:
    cluster = started()
    cluster.finish()
    cluster.settle()
    del cluster.jobs["example-pretrain"]
    cluster.settle()
    assert cluster.created == ["example-pretrain", "example-supervise"]


def test_a_name_that_somebody_else_has_taken_fails_the_run() -> None:
    cluster = Cluster()
    cluster.jobs["example-pretrain"] = ObservedJob("example-pretrain", "other", "their-uid", "", BEGIN)
    cluster.settle()
    assert condition(cluster, "Failed")["reason"] == "NameConflict"
    assert cluster.jobs["example-pretrain"].uid == "other"


def test_without_job_set_several_nodes_are_one_job_per_attempt() -> None:
    cluster = Cluster(spec={**SPEC, "backoffLimit": 1, "stages": {"pretrain": {"nodes": 2}}})
    cluster.settle()
    cluster.start_pods()
    cluster.settle()
    degraded = condition(cluster, "Degraded")
    assert (degraded["status"], degraded["reason"]) == ("True", "NoJobSet")
    assert condition(cluster, "Stalled")["status"] == "False"
    cluster.evict(fatal=True)
    cluster.settle()
    cluster.start_pods()
    cluster.crash(1, fatal=True)
    cluster.settle()
    assert [job.name for job in cluster.live()] == ["example-pretrain-3"]
    assert cluster.status["stages"][0]["restarts"] == [
        {"reason": "Crashed", "count": 1},
        {"reason": "Disrupted", "count": 1},
    ]
    cluster.start_pods()
    cluster.crash(1, fatal=True)
    cluster.settle()
    assert condition(cluster, "Failed")["reason"] == "Crashed"  # the second crash is one too many
    assert cluster.live() == []
    assert cluster.created == ["example-pretrain", "example-pretrain-2", "example-pretrain-3"]
    assert cluster.services == ["example-pretrain"]


def test_an_attempt_with_a_configuration_error_is_the_last() -> None:
    cluster = Cluster(spec={**SPEC, "stages": {"pretrain": {"nodes": 2}}})
    cluster.settle()
    cluster.start_pods()
    cluster.crash(65, fatal=True)
    cluster.settle()
    assert condition(cluster, "Failed")["reason"] == "ConfigError"


def test_several_nodes_are_one_job_set() -> None:
    cluster = Cluster(spec={**SPEC, "stages": {"pretrain": {"nodes": 2}}}, serves_job_set=True)
    cluster.settle()
    assert [(job.name, job.grouped) for job in cluster.live()] == [("example-pretrain", True)]
    cluster.start_pods()
    cluster.suspend(True)
    (suspension,) = cluster.decide().actions
    assert suspension == SuspendJob("example-pretrain", cluster.jobs["example-pretrain"].uid, True, grouped=True)
    cluster.suspend(False)
    cluster.finish()
    cluster.settle()
    assert [(job.name, job.grouped) for job in cluster.live()] == [("example-supervise", False)]


def test_pods_that_restart_together_are_counted_once_per_restart() -> None:
    """Both pods of a group end with code 79: the group has stalled once, and may be restarted."""
    cluster = Cluster(spec={**SPEC, "stages": {"pretrain": {"nodes": 2}}}, serves_job_set=True)
    cluster.settle()
    (job,) = cluster.live()

    def group_ends(restart: int, code: int) -> None:
        end = ContainerEnd("stage", code, "Error")
        cluster.jobs[job.name] = replace(cluster.jobs[job.name], restarts=restart)
        cluster.pods = {
            name: ObservedPod(name, job.uid, "pretrain", "Failed", cluster.now, end=end, uid=name, restart=restart)
            for name in ("rank-0", "rank-1")
        }
        cluster.settle()

    group_ends(0, 79)
    assert cluster.status["stages"][0]["restarts"] == [{"reason": "NoProgress", "count": 1}]
    assert condition(cluster, "Failed")["status"] == "False"
    group_ends(1, 137)
    assert cluster.status["stages"][0]["restarts"] == [
        {"reason": "Crashed", "count": 1},
        {"reason": "NoProgress", "count": 1},
    ]
    cluster.pods = {}
    cluster.jobs[job.name] = replace(cluster.jobs[job.name], restarts=3)  # the third restart was not looked at
    cluster.settle()
    assert cluster.status["restarts"] == 3


def test_the_shards_of_a_supervision_need_no_job_set() -> None:
    cluster = Cluster(spec={**SPEC, "stages": {"supervise": {"nodes": 4}}})
    cluster.settle()
    cluster.start_pods()
    cluster.finish()
    cluster.settle()
    assert [job.name for job in cluster.live()] == ["example-supervise"]


@pytest.mark.parametrize(("field", "begun"), [("activeDeadlineSeconds", True), ("startDeadlineSeconds", False)])
def test_deadlines(field: str, begun: bool) -> None:
    cluster = Cluster(spec={**SPEC})
    cluster.settle()
    cluster.spec = {**cluster.spec, field: 60}
    if begun:
        cluster.start_pods()
    cluster.wait(59)
    assert cluster.decide().requeue_after_s == pytest.approx(1)
    cluster.wait(1)
    cluster.settle()
    assert condition(cluster, "Failed")["reason"] == "DeadlineExceeded"
    assert all(job.suspended for job in cluster.live())


def test_the_active_deadline_counts_from_the_last_resume() -> None:
    cluster = started()
    cluster.spec = {**cluster.spec, "activeDeadlineSeconds": 60}
    cluster.suspend(True)
    cluster.settle()
    cluster.wait(1000)
    cluster.suspend(False)
    cluster.settle()
    assert condition(cluster, "Failed")["status"] == "False"


def test_a_finished_run_is_deleted_after_its_time() -> None:
    cluster = finished()
    cluster.spec = {**cluster.spec, "ttlSecondsAfterFinished": 100}
    assert cluster.decide().requeue_after_s == 100
    cluster.wait(100)
    cluster.reconcile()
    assert cluster.deleted
