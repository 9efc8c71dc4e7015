"""The operator's metrics, in a real registry: what a scrape has after looks at runs that are known by hand."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from prlcoder.operator.actions import CreateJob
from prlcoder.operator.gpu_seconds import GpuSeconds
from prlcoder.operator.metrics import OperatorMetrics
from prlcoder.operator.observed import Observed, ObservedPod, ObservedRun
from prlcoder.operator.observer import RunObserver
from prlcoder.operator.plan import RunPlan
from prlcoder.operator.pod_reports import PodReport
from prlcoder.operator.work_queue import WorkQueue

START = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """A moment of the test."""
    return START + timedelta(seconds=seconds)


def run(name: str = "a", **status: Any) -> ObservedRun:
    """A run with PPO in a queue."""
    spec = {"policy": {"algorithm": "ppo"}, "queueName": "gpus"}
    return ObservedRun(name, "ns", f"uid-{name}", 1, START, spec, status)


def pod(phase: str = "Running", **more: Any) -> ObservedPod:
    """A pod with four GPUs, which was scheduled at the start and began its stage after 30 s."""
    found = ObservedPod("a-policy-0", "job", "policy", phase, START, uid="pod", gpus=4, scheduled=START, started=at(30))
    return replace(found, **more)


@pytest.fixture
def registry() -> CollectorRegistry:
    """An empty registry."""
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> OperatorMetrics:
    """The operator's metrics in it."""
    return OperatorMetrics(registry)


def test_runs_are_counted_by_phase_and_disappear_with_the_run(
    registry: CollectorRegistry, metrics: OperatorMetrics
) -> None:
    observer = RunObserver(metrics, START)
    running = {"phase": "Running", "stage": "policy"}
    for name in ("a", "b"):
        observer.looked(Observed(run(name)), RunPlan(status=running), START)
    observer.looked(Observed(run("c", phase="Complete", stage="evaluate")), RunPlan(), START)

    def count(phase: str) -> float | None:
        return registry.get_sample_value("prlcoder_runs", {"namespace": "ns", "phase": phase})

    assert (count("Running"), count("Complete")) == (2, 1)
    info = {"namespace": "ns", "run": "a", "phase": "Running", "stage": "policy", "algorithm": "ppo", "queue": "gpus"}
    assert registry.get_sample_value("prlcoder_run_info", info) == 1
    assert registry.get_sample_value("prlcoder_run_info", {**info, "run": "c", "phase": "Complete", "stage": ""}) == 1
    observer.gone("ns", "a")
    assert count("Running") == 1
    assert registry.get_sample_value("prlcoder_run_info", info) is None


def test_the_first_job_is_timed_once(registry: CollectorRegistry, metrics: OperatorMetrics) -> None:
    observer = RunObserver(metrics, START)
    observer.looked(Observed(run()), RunPlan(status={"phase": "Pending"}), at(0.5))  # the ConfigMap
    observer.looked(Observed(run()), RunPlan(actions=(CreateJob({}),)), at(3))
    observer.looked(Observed(run()), RunPlan(), at(60))
    assert registry.get_sample_value("prlcoder_run_first_job_seconds_count") == 1
    assert registry.get_sample_value("prlcoder_run_first_job_seconds_sum") == 3


def test_restarts_and_ends_of_stages_are_counted_when_they_are_written(
    registry: CollectorRegistry, metrics: OperatorMetrics
) -> None:
    before = {"name": "policy", "state": "Running", "restarts": [{"reason": "Crashed", "count": 1}]}
    after = {
        "name": "policy",
        "state": "Done",
        "startTime": "2026-11-30T12:00:00Z",
        "completionTime": "2026-11-30T12:10:00Z",
        "restarts": [{"reason": "Crashed", "count": 1}, {"reason": "Disrupted", "count": 2}],
    }
    observer = RunObserver(metrics, START)
    observer.looked(Observed(run(stages=[before])), RunPlan(status={"phase": "Running", "stages": [after]}), START)
    observer.looked(Observed(run(stages=[after])), RunPlan(), START)
    observer.looked(Observed(run(stages=[after])), RunPlan(status={"phase": "Complete", "stages": [after]}), START)
    assert registry.get_sample_value("prlcoder_run_restarts_total", {"reason": "Disrupted"}) == 2
    assert registry.get_sample_value("prlcoder_run_restarts_total", {"reason": "Crashed"}) is None  # an earlier one
    labels = {"algorithm": "ppo", "stage": "policy", "result": "done"}
    assert registry.get_sample_value("prlcoder_run_stage_seconds_count", labels) == 1
    assert registry.get_sample_value("prlcoder_run_stage_seconds_sum", labels) == 600


def test_gpu_seconds_of_a_pod_that_saves_and_then_fails(registry: CollectorRegistry, metrics: OperatorMetrics) -> None:
    observer = RunObserver(metrics, START)
    saved = {"pod": PodReport(checkpoint="checkpoint-10")}
    looks = [
        (20, pod("Pending", started=None), {}),  # the image is pulled
        (90, pod(), {}),
        (130, pod(), saved),
        (160, pod(), saved),
        (230, pod("Failed", finished=at(200)), {}),
        (260, pod("Failed", finished=at(200)), {}),
    ]
    for seconds, seen, reports in looks:
        observer.looked(Observed(run(), pods=(seen,), reports=reports), RunPlan(), at(seconds))
    used = {
        kind: registry.get_sample_value(
            "prlcoder_run_gpu_seconds_total", {"queue": "gpus", "stage": "policy", "kind": kind}
        )
        for kind in ("waiting", "useful", "lost")
    }
    # Four GPUs: 30 s until the stage began, 100 s up to the checkpoint at 130 s, 70 s from there to the end at 200 s.
    assert used == {"waiting": 120, "useful": 400, "lost": 280}


def test_all_work_of_a_pod_that_succeeds_is_useful() -> None:
    gpus = GpuSeconds(START)
    assert gpus.note(Observed(run(), pods=(pod(),)), at(60)) == [("policy", "waiting", 120)]
    done = Observed(run(), pods=(pod("Succeeded", finished=at(330)),))
    assert gpus.note(done, at(360)) == [("policy", "useful", 1200)]
    assert gpus.note(Observed(run()), at(400)) == []  # its pod was removed


def test_work_of_a_pod_that_is_gone_is_lost() -> None:
    gpus = GpuSeconds(START)
    gpus.note(Observed(run(), pods=(pod(),)), at(60))
    assert gpus.note(Observed(run()), at(90)) == [("policy", "lost", 120)]
    gpus.note(Observed(run("b"), pods=(pod(),)), at(60))
    assert gpus.forget("ns", "b") == [("policy", "lost", 120)]


def test_a_new_operator_counts_from_its_own_start() -> None:
    gpus = GpuSeconds(at(1000))
    saved = {"pod": PodReport(checkpoint="checkpoint-10")}
    assert gpus.note(Observed(run(), pods=(pod(),), reports=saved), at(1010)) == []
    done = Observed(run(), pods=(pod("Succeeded", finished=at(1020)),))
    assert gpus.note(done, at(1030)) == [("policy", "useful", 80)]


def test_a_pod_without_gpus_has_no_account() -> None:
    assert GpuSeconds(START).note(Observed(run(), pods=(pod("Succeeded", gpus=0),)), at(60)) == []


def test_gpus_of_sidecars_count_and_those_of_ordinary_init_containers_do_not() -> None:
    def container(name: str, gpus: int, **more: Any) -> dict[str, Any]:
        return {"name": name, "resources": {"limits": {"nvidia.com/gpu": str(gpus), "cpu": "4"}}, **more}

    document = {
        "metadata": {"name": "p", "creationTimestamp": "2026-11-30T12:00:00Z"},
        "spec": {
            "containers": [container("stage", 4)],
            "initContainers": [container("preflight", 8), container("prm", 1, restartPolicy="Always")],
        },
        "status": {
            "phase": "Running",
            "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-30T12:00:05Z"}],
            "containerStatuses": [{"name": "stage", "state": {"running": {"startedAt": "2026-11-30T12:00:30Z"}}}],
        },
    }
    found = ObservedPod.read(document)
    assert (found.gpus, found.scheduled, found.started, found.finished) == (5, at(5), at(30), None)


def test_the_queue_counts_its_keys(registry: CollectorRegistry, metrics: OperatorMetrics) -> None:
    async def work() -> tuple[float, float]:
        queue = WorkQueue(metrics)
        for key in (("ns", "a"), ("ns", "b"), ("ns", "a")):
            await queue.add(key)
        idle = queue.oldest_s
        await queue.retry(await queue.take())
        return idle, queue.oldest_s

    idle, busy = asyncio.run(work())
    assert idle == 0 < busy
    values = {
        name: registry.get_sample_value(f"prlcoder_workqueue_{name}")
        for name in ("adds_total", "retries_total", "depth", "queue_duration_seconds_count")
    }
    assert values == {"adds_total": 2, "retries_total": 1, "depth": 1, "queue_duration_seconds_count": 1}
