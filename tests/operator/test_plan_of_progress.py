"""What the plan makes of the progress that stages report."""

from __future__ import annotations

from tests.operator.cluster_model import STAGES, Cluster, condition, started

from prlcoder.operator.pod_reports import PodReport


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
