"""The reward model of a finished run answers, and the next run's takes its place without a refused request."""

from __future__ import annotations

import json
import subprocess
import threading
from typing import Any

from tests.e2e.binaries import GRPCURL
from tests.e2e.cluster import NAMESPACE, Cluster, eventually
from tests.e2e.runs import pretraining

SERVED = "prlcoder-served-prm"
METHOD = "prlcoder.v1.PrmService/"
ITEM = {"program": "def f(v0):\n    v1 = v0[1:]\n    return sum(v1)\n", "mode": "SEGMENTATION_MODE_LINE"}


def serving(name: str) -> dict[str, Any]:
    """A run that trains a small reward model and leaves it serving."""
    run = pretraining(name, serve={"prm": True}, supervision={"teachers": [{"kind": "rules"}]})
    run["spec"]["pretrain"] = {"programs": 160, "noisy": False}
    run["spec"]["stages"]["evaluate"] = {"resources": {"requests": {"cpu": "50m"}}}  # what the served model gets
    run["spec"]["reward"] = {"learningRate": 7e-4, "epochs": 1, "batchSize": 16}
    return run


def grpcurl(cluster: Cluster, method: str, request: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """One call of the Service by its own address, as a client in the cluster makes it."""
    service = cluster.get("service", SERVED)["spec"]
    target = f"{service['clusterIP']}:{service['ports'][0]['port']}"
    command = [*cluster.inside, str(GRPCURL.built() / "grpcurl"), "-plaintext", "-max-time", "60"]
    return subprocess.run(
        [*command, "-d", json.dumps(request), target, METHOD + method], capture_output=True, text=True, check=False
    )


def served(cluster: Cluster) -> str:
    """The folder of the model that answers."""
    done = grpcurl(cluster, "GetModelInfo", {})
    return str(json.loads(done.stdout)["uri"]) if done.returncode == 0 else ""


def test_the_next_runs_model_takes_over_without_a_refused_request(cluster: Cluster) -> None:
    cluster.apply(serving("early"))
    cluster.kubectl("wait", "-n", NAMESPACE, "--for=condition=Complete", "trun/early", "--timeout=900s")
    complete = cluster.condition("early", "Complete")
    assert complete is not None
    assert complete["message"].endswith(f"answers at {SERVED}.{NAMESPACE}.svc:8104")
    cluster.kubectl("rollout", "status", f"deployment/{SERVED}", "-n", NAMESPACE, "--timeout=300s")
    assert served(cluster) == "/var/lib/prlcoder/early/reward"
    refused, answered, stop = [], [], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            done = grpcurl(cluster, "ScoreSteps", {"items": [ITEM]})
            (answered if '"scores"' in done.stdout else refused).append(done.stdout + done.stderr)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        cluster.apply(serving("late"))
        eventually(lambda: served(cluster) == "/var/lib/prlcoder/late/reward" or None, "the other model", 900)
        cluster.kubectl("rollout", "status", f"deployment/{SERVED}", "-n", NAMESPACE, "--timeout=300s")
    finally:
        stop.set()
        asking.join()
    print(f"{len(answered)} requests were answered")
    assert refused == []
    cluster.delete_run("early")  # the model of another run stays
    assert served(cluster) == "/var/lib/prlcoder/late/reward"
    cluster.delete_run("late")
    eventually(lambda: not cluster.exists(f"deployment/{SERVED}") or None, "the end of the served model")
    eventually(lambda: not cluster.exists(f"service/{SERVED}") or None, "the end of its Service")
