"""An operator that is killed at any moment leaves no duplicate, no orphan, and a status that is right."""

from __future__ import annotations

import os
import random
import time

from tests.e2e.cluster import NAMESPACE, Cluster, eventually
from tests.e2e.installation import SYSTEM
from tests.e2e.runs import pretraining

SEED = int(os.environ.get("PRLCODER_E2E_SEED", "0"))
KILLS = 5
MOMENTS = (
    "configmap/killed-spec",
    "job/killed-pretrain",
    "job/killed-supervise",
    "job/killed-evaluate",
)


def test_five_kills(cluster: Cluster) -> None:
    draw = random.Random(SEED)
    run = pretraining("killed", supervision={"teachers": [{"kind": "rules"}]})
    run["spec"]["pretrain"] = {"programs": 160, "noisy": False}
    run["spec"]["evaluation"] = {"benchmarks": [{"source": "held-out"}], "maxNewTokens": 16}
    cluster.apply(run)
    moments = sorted(draw.choice(range(len(MOMENTS))) for _ in range(KILLS))
    for moment in moments:
        eventually(lambda at=MOMENTS[moment]: _exists(cluster, at), MOMENTS[moment])  # type: ignore[misc]
        time.sleep(draw.uniform(0.0, 2.0))  # anywhere between this action and the next
        _kill_operator(cluster)
    cluster.kubectl("wait", "-n", NAMESPACE, "--for=condition=Complete", "trun/killed", "--timeout=600s")
    stages = ["evaluate", "pretrain", "supervise"]
    jobs = cluster.get("jobs", "-l", "prlcoder.dev/run=killed")["items"]
    assert sorted(job["metadata"]["name"] for job in jobs) == [f"killed-{stage}" for stage in stages]
    assert [len(cluster.pods("killed", stage)) for stage in stages] == [1, 1, 1]
    status = cluster.get("trun", "killed")["status"]
    assert (status["phase"], status["restarts"]) == ("Complete", 0)
    found = cluster.get("events", "--field-selector", "involvedObject.kind=TrainingRun,involvedObject.name=killed")
    assert [event["reason"] for event in found["items"]] == ["AllStagesDone"]


def _exists(cluster: Cluster, which: str) -> bool | None:
    return cluster.kubectl("get", which, "-n", NAMESPACE, check=False).returncode == 0 or None


def _kill_operator(cluster: Cluster) -> None:
    """SIGKILL: a pod that is deleted without grace has no time to end by itself."""
    selector = ("-n", SYSTEM, "-l", "app.kubernetes.io/component=operator")
    cluster.kubectl("delete", "pod", *selector, "--grace-period=0", "--force", "--wait=false")
