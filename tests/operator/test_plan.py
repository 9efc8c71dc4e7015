"""What the plan decides, told by the model of a cluster, and what holds for every history of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.operator.cluster_model import BEGIN, SPEC, STAGES, Cluster, condition

from prlcoder.errors import InputError
from prlcoder.operator.actions import CreateConfigMap, CreateJob, SuspendJob
from prlcoder.operator.model_servers import model_servers
from prlcoder.operator.observed import ContainerEnd, ObservedJob, ObservedPod
from prlcoder.operator.pod_reports import PodReport
from prlcoder.spec import TrainingRun


def started() -> Cluster:
    """A run whose first stage runs."""
    cluster = Cluster()
    cluster.settle()
    cluster.start_pods()
    cluster.settle()
    return cluster


def finished() -> Cluster:
    """A run that is complete."""
    cluster = Cluster()
    for _ in STAGES:
        cluster.settle()
        cluster.start_pods()
        cluster.finish()
    cluster.settle()
    return cluster


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


def serving() -> Cluster:
    """A run whose reward model shall be left serving, after its last stage."""
    spec = {**SPEC, "reward": {"kind": "prm"}, "serve": {"prm": True}}
    cluster = Cluster(spec=spec)
    cluster.settle()
    for _ in ("pretrain", "supervise", "reward", "evaluate"):
        assert cluster.served == []
        cluster.start_pods()
        cluster.finish()
        cluster.reconcile()
    return cluster


def test_the_reward_model_of_a_finished_run_is_left_serving() -> None:
    cluster = serving()
    cluster.settle()
    (deployment,) = cluster.served
    assert "--model=/var/lib/prlcoder/example/reward" in deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    assert condition(cluster, "Complete")["message"].endswith("answers at prlcoder-served-prm.default.svc:8104")


def test_a_deployment_of_somebody_else_is_left_alone() -> None:
    cluster = Cluster(spec={**SPEC, "reward": {"kind": "prm"}, "serve": {"prm": True}}, served_by_others=True)
    cluster.settle()
    for _ in ("pretrain", "supervise", "reward", "evaluate"):
        cluster.start_pods()
        cluster.finish()
        cluster.settle()
    assert cluster.served == []
    assert cluster.status["phase"] == "Complete"
    assert condition(cluster, "Degraded")["reason"] == "NameConflict"


def test_a_reward_model_in_an_object_store_is_not_promised_to_serve() -> None:
    spec = {**SPEC, "reward": {"kind": "prm"}, "serve": {"prm": True}, "storage": {"uri": "s3://bucket/runs"}}
    cluster = Cluster(spec=spec)
    cluster.settle()
    assert "serve.prm: the reward model is in an object store" in condition(cluster, "Failed")["message"]


PPO: dict[str, Any] = {
    "model": {"path": "org/coder"},
    "problems": {"source": "apps.jsonl"},
    "reward": {"from": "/models/prm"},
    "policy": {"algorithm": "ppo"},
}


def test_reinforcement_learning_has_its_reward_model_beside_it() -> None:
    cluster = Cluster(spec=PPO)
    cluster.reconcile()
    (action,) = cluster.decide().actions
    assert isinstance(action, CreateJob)
    pod = action.manifest["spec"]["template"]["spec"]
    assert [one["name"] for one in pod["initContainers"]] == ["preflight", "prm"]


def test_separate_servers_are_one_job_set_with_the_trainer() -> None:
    cluster = Cluster(spec={**PPO, "servers": "separate"}, serves_job_set=True)
    cluster.settle()
    assert [(job.name, job.grouped) for job in cluster.live()] == [("example-policy", True)]


def test_separate_servers_without_job_set_are_refused_before_anything_runs() -> None:
    cluster = Cluster(spec={**PPO, "sft": {}, "servers": "separate"})
    cluster.settle()
    failed = condition(cluster, "Failed")
    assert (failed["status"], failed["reason"]) == ("True", "NoJobSet")
    assert failed["message"].endswith("the cluster has no JobSet; install JobSet, or set servers to sidecar")
    assert cluster.created == []


def test_a_policy_server_reads_hubs_and_no_object_store() -> None:
    """In its own pod it needs a storage that it shares with the trainer for the weights of each update, too."""
    policy: dict[str, Any] = {"algorithm": "ppo", "rl": {"engine": {"kind": "vllm"}}}
    run = {"apiVersion": "prlcoder.dev/v1alpha1", "kind": "TrainingRun", "metadata": {"name": "example"}}
    spec = {**PPO, "policy": policy, "storage": {"uri": "s3://bucket/runs"}}
    (beside,) = model_servers(TrainingRun.model_validate({**run, "spec": spec}))
    assert (beside.name, beside.model) == ("policy", "org/coder")
    tuned = {**spec, "sft": {}, "policy": {**policy, "init": "sft"}}
    for refused, where in (
        (tuned, "s3://bucket/runs/example/sft"),
        ({**spec, "servers": "separate"}, "s3://bucket/runs"),
    ):
        with pytest.raises(InputError, match=rf"engine\.kind: the weights are in an object store \({where}\)"):
            model_servers(TrainingRun.model_validate({**run, "spec": refused}))


def test_pods_of_servers_neither_run_the_stage_nor_count_as_its_restarts() -> None:
    cluster = Cluster(spec={**PPO, "servers": "separate"}, serves_job_set=True)
    cluster.settle()
    (job,) = cluster.live()
    beside = ObservedPod("prm", job.uid, "policy", "Running", BEGIN, uid="prm", server="prm")
    cluster.pods = {"prm": beside}
    cluster.settle()
    assert cluster.status["stages"][-1]["state"] == "Waiting"
    cluster.pods["trainer"] = ObservedPod("trainer", job.uid, "policy", "Running", BEGIN, uid="trainer")
    cluster.pods["prm"] = replace(beside, phase="Failed", disrupted="node drained")
    cluster.settle()
    assert cluster.status["stages"][-1]["state"] == "Running"
    assert cluster.status["restarts"] == 0


def test_the_progress_of_a_stage_is_in_the_status() -> None:
    cluster = started()
    metrics = (("steps_per_second", "0.1"), ("tokens_per_second", "900"))
    report = PodReport(done=120, total=600, worked=True, per_second=0.1, checkpoint="checkpoint-100", metrics=metrics)
    cluster.report(report)
    assert cluster.decide().requeue_after_s == 30
    cluster.settle()
    assert (cluster.status["step"], cluster.status["eta"]) == ("120/600", "1h20m")
    stage = cluster.status["stages"][0]
    assert (stage["step"], stage["checkpoint"]) == ("120/600", "checkpoint-100")
    assert stage["metrics"][0] == {"name": "steps_per_second", "value": "0.1"}


def test_the_status_has_what_the_spec_tells_and_then_what_a_stage_estimates() -> None:
    cluster = Cluster()
    cluster.reconcile()
    (_,), status = cluster.decide().actions, cluster.decide().status
    assert status is not None  # with the Job, in the one write of this look
    known = {one["name"]: one for one in status["plan"]}
    assert list(known) == list(STAGES)
    assert known["evaluate"]["tokensWritten"] == f"{300 * (1 + 8) * 512:,}"  # a greedy and eight sampled programs
    assert known["pretrain"]["memory"] == "unknown"
    assert "the stage's process reads the model's config.json" in known["pretrain"]["how"][0]
    cluster.settle()
    cluster.start_pods()
    estimate = {"name": "pretrain", "memory": "1.0 GiB", "how": ["memory: computed"]}
    cluster.report(PodReport(done=1, total=2, plan=(estimate,)))
    cluster.settle()
    assert cluster.status["plan"] == [estimate]
    cluster.pods = {}
    cluster.settle()
    assert cluster.status["plan"] == [estimate]


def test_progress_that_is_known_stays_while_no_pod_answers() -> None:
    cluster = started()
    cluster.report(PodReport(done=120, total=600, worked=True, per_second=0.1))
    cluster.settle()
    cluster.evict()
    cluster.settle()
    assert cluster.status["step"] == "120/600"
    assert "eta" not in cluster.status


def test_a_finished_stage_shows_what_it_has_left() -> None:
    cluster = started()
    cluster.report(PodReport(done=590, total=600, worked=True))
    cluster.settle()
    cluster.finish('{"stage": "pretrain", "metrics": {"loss": 0.125}}')
    cluster.settle()
    stage = cluster.status["stages"][0]
    assert (stage["step"], stage["metrics"]) == ("600/600", [{"name": "loss", "value": "0.125"}])
    assert "step" not in cluster.status  # the next stage has not begun to count


def test_the_metrics_of_the_evaluation_are_the_results_of_the_run() -> None:
    cluster = Cluster()
    for stage in STAGES:
        cluster.settle()
        cluster.start_pods()
        cluster.finish('{"metrics": {"policy_pass@1": 0.75}}' if stage == "evaluate" else "")
    cluster.settle()
    assert cluster.status["results"] == [{"name": "policy_pass@1", "value": "0.75"}]


def test_a_stage_without_progress_is_restarted_once_and_then_fails() -> None:
    cluster = started()
    cluster.report(PodReport(done=3, total=9, worked=True, idle_s=1800))
    cluster.settle()
    stalled = condition(cluster, "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "NoProgress")
    assert stalled["message"] == "stage pretrain finished no work for 1800 s at step 3/9"
    cluster.crash(79)
    cluster.start_pods()
    cluster.settle()
    assert condition(cluster, "Stalled")["reason"] == "NoProgress"
    assert "was restarted" in condition(cluster, "Stalled")["message"]
    cluster.report(PodReport(done=4, total=9, worked=True))
    cluster.settle()
    assert condition(cluster, "Stalled")["status"] == "False"
    cluster.crash(79)
    cluster.settle()
    failed = condition(cluster, "Failed")
    assert (failed["status"], failed["reason"]) == ("True", "NoProgress")
    assert cluster.status["stages"][0]["restarts"] == [{"reason": "NoProgress", "count": 2}]
    assert [reason for _, reason in cluster.events] == ["NoProgress", "StageRunning", "NoProgress"]


def test_a_stage_whose_progress_cannot_be_read_does_not_stall() -> None:
    cluster = started()
    cluster.wait(10_000)
    cluster.settle()
    assert condition(cluster, "Stalled")["status"] == "False"


def test_a_progress_deadline_of_zero_is_none() -> None:
    cluster = started()
    cluster.spec = {**cluster.spec, "progressDeadlineSeconds": 0}
    cluster.report(PodReport(done=3, total=9, idle_s=10_000))
    cluster.settle()
    assert condition(cluster, "Stalled")["status"] == "False"


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
