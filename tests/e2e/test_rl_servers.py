"""PPO with the servers of its reward model and its policy beside the trainer, in its pod and in pods of their own.

The policy server runs vLLM if PRLCODER_E2E_VLLM is 1, and otherwise ``--engine transformers``.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.cluster import NAMESPACE, Cluster, eventually
from tests.e2e.control_groups import pod_processes, server_process
from tests.e2e.runs import events, pretraining, restarts, stage_metrics, with_vllm

UPDATES = 40
PROGRAMS = 8  # per update
ONE_THREAD = [{"name": "OMP_NUM_THREADS", "value": "1"}]
VLLM = {  # for a tiny model on two cores
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "TORCHDYNAMO_DISABLE": "1",
    "HF_HUB_OFFLINE": "1",
    "USER": "prlcoder",  # the image has no name for the user's number
}
SMALL = {"resources": {"requests": {"cpu": "100m"}}}
SAMPLES = {"args": ["--eager"], "env": [{"name": name, "value": value} for name, value in VLLM.items()]}
SERVERS = {"prm": SMALL, "policy": SMALL | (SAMPLES if with_vllm() else {"args": ["--engine", "transformers"]})}


def ppo(name: str, updates: int, **changes: Any) -> dict[str, Any]:
    """A run whose policy is trained by PPO with both servers."""
    run = pretraining(name, supervision={"teachers": [{"kind": "rules", "mutations": 1, "refactorings": 1}]})
    run["spec"]["pretrain"] = {"programs": 960, "noisy": False}
    run["spec"]["model"]["scratch"] = {"preset": "small"}  # vLLM's attention on CPUs wants heads of 32 or more
    run["spec"]["execution"] = {"cpuLimit": 2, "wallLimit": 10, "memoryLimit": 256}
    run["spec"]["reward"] = {"learningRate": 7e-4, "epochs": 1, "batchSize": 16}
    rl = {"updates": updates, "prompts": 4, "samples": PROGRAMS // 4, "maxNewTokens": 60, "engine": {"kind": "vllm"}}
    run["spec"]["policy"] = {
        "algorithm": "ppo",
        "learningRate": 1e-4,
        "batchSize": 8,
        "saveSteps": 5,
        "rl": {**rl, "value": {"pretrainUpdates": 1, "learningRate": 1e-3}},
    }
    pods = {"env": ONE_THREAD, "resources": {"requests": {"cpu": "300m"}}}
    run["spec"]["stages"] = {
        **dict.fromkeys(("pretrain", "supervise", "reward"), pods),
        "policy": {**pods, "servers": SERVERS},
    }
    run["spec"] |= changes
    return run


def updates(cluster: Cluster, run: str) -> int:
    """How many updates the trainer has made."""
    return len((cluster.read(f"{run}/.work/policy/kept/train/updates.jsonl") or "").splitlines())


def kill(cluster: Cluster, run: str, uid: str, name: str) -> None:
    """SIGKILL a server, and wait until the trainer has made another two updates."""
    done = updates(cluster, run)
    os.kill(server_process(uid, name), signal.SIGKILL)
    eventually(lambda: updates(cluster, run) >= done + 2 or None, f"an update after the {name} server was killed")


@pytest.fixture(scope="module")
def beside(cluster: Cluster) -> str:
    """The name of a run whose servers were killed, each once, and that is complete."""
    if cluster.storage is None:
        pytest.skip("only on this machine's own node can a process of a pod be killed")
    cluster.apply(ppo("beside", UPDATES))
    eventually(lambda: updates(cluster, "beside") or None, "the first update", 900)
    (pod,) = cluster.pods("beside", "policy")
    for name in ("prm", "policy"):
        kill(cluster, "beside", pod["metadata"]["uid"], name)
    assert updates(cluster, "beside") < UPDATES
    cluster.kubectl("wait", "-n", NAMESPACE, "--for=condition=Complete", "trun/beside", "--timeout=900s")
    return "beside"


def test_servers_that_are_killed_come_back_and_the_run_goes_on(cluster: Cluster, beside: str) -> None:
    (pod,) = cluster.pods(beside, "policy")
    ended = {one["name"]: one["restartCount"] for one in pod["status"]["initContainerStatuses"]}
    assert ended == {"preflight": 0, "prm": 1, "policy": 1}
    assert restarts(cluster, beside, "policy") == {}
    assert cluster.get("job", f"{beside}-policy")["status"].get("failed", 0) == 0
    assert events(cluster, beside) == ["AllStagesDone"]
    assert stage_metrics(cluster, beside)["policy"]["sampled"] == (1 + UPDATES) * PROGRAMS  # none is lost or repeated


def test_nothing_is_left_running_when_the_trainer_has_ended(cluster: Cluster, beside: str) -> None:
    (pod,) = cluster.pods(beside, "policy")
    assert pod["status"]["phase"] == "Succeeded"
    for container in (*pod["status"]["initContainerStatuses"], *pod["status"]["containerStatuses"]):
        assert "terminated" in container["state"], container["name"]
    assert [one for one in pod_processes(pod["metadata"]["uid"]) if Path(f"/proc/{one}").exists()] == []


def test_the_status_has_what_the_first_stage_estimated(cluster: Cluster, beside: str) -> None:
    plan = cluster.get("trun", beside)["status"]["plan"]
    assert [one["name"] for one in plan] == ["pretrain", "supervise", "reward", "policy"]
    assert all(one["memory"].endswith("iB") for one in plan)


def test_a_server_that_does_not_start_is_named(cluster: Cluster) -> None:
    given = {stage: {"from": f"/var/lib/prlcoder/nowhere/{stage}"} for stage in ("pretrain", "supervision", "reward")}
    run = ppo("lame", 1, **given)
    run["spec"]["stages"]["policy"]["servers"] = {**SERVERS, "prm": {"args": ["--no-such-option"]}}
    cluster.apply(run)
    degraded = eventually(lambda: cluster.condition("lame", "Degraded"), "the reason", 120)
    assert degraded["reason"] == "ServiceUnavailable"
    assert "the prm server does not serve" in degraded["message"]
    assert "unrecognized arguments: --no-such-option" in degraded["message"]
    assert restarts(cluster, "lame", "policy") == {}
    cluster.delete_run("lame")


@pytest.mark.usefixtures("job_set_controller")
def test_separate_servers_end_with_the_trainer(cluster: Cluster, beside: str) -> None:
    folder = f"/var/lib/prlcoder/{beside}"
    given = {stage: {"from": f"{folder}/{stage}"} for stage in ("pretrain", "supervision", "reward")}
    cluster.apply(ppo("apart", 3, servers="separate", **given))
    cluster.kubectl("wait", "-n", NAMESPACE, "--for=condition=Complete", "trun/apart", "--timeout=900s")
    (job_set,) = cluster.get("jobsets")["items"]
    roles = [one["name"] for one in job_set["spec"]["replicatedJobs"]]
    assert roles == ["prm", "policy", "trainer"]
    assert restarts(cluster, "apart", "policy") == {}

    def running() -> list[str]:
        pods = cluster.pods("apart", "policy")
        return [one["metadata"]["name"] for one in pods if one["status"]["phase"] in ("Pending", "Running")]

    eventually(lambda: not running() or None, "the end of the servers")
    cluster.delete_run("apart")
