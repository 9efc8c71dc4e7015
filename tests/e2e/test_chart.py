"""The chart's pods on a node: they answer, do the work of runs over TLS with tokens, and leave nothing behind."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from pathlib import Path

from tests.e2e.binaries import GRPCURL
from tests.e2e.cluster import NAMESPACE, Cluster, eventually
from tests.e2e.forwarding import forwarded
from tests.e2e.installation import (
    CREDENTIALS,
    RELEASE,
    SANDBOX,
    SYSTEM,
    helm_install,
    operator_values,
    prm_values,
)

PROMPT = "# 1: drop 1 at the front\n# 2: return the sum\n"
PROGRAM = "def f(v0):\n    v1 = v0[1:]\n    return sum(v1)\n"
LINE = "SEGMENTATION_MODE_LINE"
LEFT_KINDS = "deployments,services,pods,serviceaccounts,roles,rolebindings,networkpolicies,poddisruptionbudgets"


def test_helm_test_passes(cluster: Cluster) -> None:
    for namespace in (SYSTEM, SANDBOX):
        done = cluster.helm("test", RELEASE, "-n", namespace, "--timeout=300s")
        assert "Succeeded" in done.stdout


def test_the_services_have_done_the_runs_work(cluster: Cluster, whole_run: str) -> None:
    """The run's supervision, which its own test compares with one made without services, came from these pods."""
    assert cluster.get("trun", whole_run)["status"]["phase"] == "Complete"
    for service, namespace in (("segmenter", SYSTEM), ("mutator", SYSTEM), ("executor", SANDBOX)):
        path = f"/api/v1/namespaces/{namespace}/services/prlcoder-{service}:metrics/proxy/metrics"
        text = cluster.kubectl("get", "--raw", path).stdout
        calls = re.findall(r'^grpc_server_started_total\{.*grpc_service="prlcoder\.v1[^}]*\} (\S+)', text, re.MULTILINE)
        assert sum(map(float, calls)) > 0, service


def test_the_runs_reward_model_answers_from_outside_with_tls_and_a_token(
    cluster: Cluster, image: str, whole_run: str, tmp_path: Path
) -> None:
    helm_install(cluster, RELEASE, NAMESPACE, prm_values(image, f"/var/lib/prlcoder/{whole_run}/reward"))
    try:
        secret = cluster.get("secret", CREDENTIALS)["data"]
        (tmp_path / "ca.crt").write_bytes(base64.b64decode(secret["ca.crt"]))
        token = base64.b64decode(secret["token"]).decode()
        with forwarded(cluster, "prlcoder-prm", 8104, NAMESPACE) as address:
            call = _grpcurl(cluster, address, tmp_path / "ca.crt", token)
            steps = json.loads(call.stdout)["results"][0]["scores"]["steps"]
            refused = _grpcurl(cluster, address, tmp_path / "ca.crt", "0" * 64)
        assert [step["end"] for step in steps] == [11, 27, len(PROGRAM)]
        assert all(0 < step["probability"] < 1 for step in steps)
        assert "Unauthenticated" in refused.stderr
        assert "Succeeded" in cluster.helm("test", RELEASE, "-n", NAMESPACE, "--timeout=300s").stdout
    finally:
        cluster.helm("uninstall", RELEASE, "-n", NAMESPACE, "--wait", "--timeout=300s")


def test_uninstalling_leaves_what_is_kept_and_runs_survive(cluster: Cluster, image: str, whole_run: str) -> None:
    before = cluster.get("trun", whole_run)["metadata"]["uid"]
    cluster.helm("uninstall", RELEASE, "-n", SYSTEM, "--wait", "--timeout=300s")
    try:
        eventually(lambda: not _left(cluster, SYSTEM) or None, "the end of what the release made")
        assert not _left(cluster, NAMESPACE) - {"pod/reader"}
        claims = cluster.get("persistentvolumeclaims")["items"]
        assert [claim["metadata"]["name"] for claim in claims] == ["prlcoder-runs"]
        assert cluster.get("trun", whole_run)["metadata"]["uid"] == before
        roles = cluster.kubectl("get", "clusterroles,clusterrolebindings", "-o", "name").stdout
        assert "prlcoder" not in roles
    finally:
        helm_install(cluster, RELEASE, SYSTEM, operator_values(image))  # it takes over what was kept


def _left(cluster: Cluster, namespace: str) -> set[str]:
    """What a namespace holds beside what Kubernetes puts into every one, and the finished pods of runs."""
    lines = cluster.kubectl("get", LEFT_KINDS, "-n", namespace, "-l", "!prlcoder.dev/run", "-o", "name").stdout
    return set(lines.split()) - {"serviceaccount/default"}


def _grpcurl(cluster: Cluster, address: str, ca: Path, token: str) -> subprocess.CompletedProcess[str]:
    request = {"items": [{"program": PROGRAM, "mode": LINE, "prompt": {"text": PROMPT}}]}
    command = [*cluster.inside, str(GRPCURL.built() / "grpcurl"), "-cacert", str(ca), "-max-time", "60"]
    command += ["-H", f"authorization: Bearer {token}", "-d", json.dumps(request), address]
    method = "prlcoder.v1.PrmService/ScoreSteps"
    return subprocess.run([*command, method], capture_output=True, text=True, check=False)
