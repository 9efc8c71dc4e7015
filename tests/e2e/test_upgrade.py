"""A release is upgraded and rolled back while a run goes on and while an autoscaler has set the number of pods.

The older chart is this checkout's with the version 0.0.1 and another default: its operator looks at four runs at once,
not at eight. So an upgrade must replace the operator's pod and no other.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.e2e.cluster import NAMESPACE, Cluster, eventually
from tests.e2e.installation import CHART, RELEASE, SYSTEM, WAIT, Values, helm_install, merged, operator_values
from tests.e2e.runs import events, last_checkpoint, pretraining, restarts

OLD_VERSION = "0.0.1"
OLD_WORKERS = 4
NEW_WORKERS = 8
AUTOSCALER_REPLICAS = 2
LEFT_KINDS = (
    "deployments,replicasets,services,pods,serviceaccounts,roles,rolebindings,networkpolicies,poddisruptionbudgets,"
    "horizontalpodautoscalers,configmaps,secrets"
)


@pytest.fixture(scope="module")
def old_chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The older chart."""
    folder = tmp_path_factory.mktemp("old") / "prlcoder"
    shutil.copytree(CHART, folder)
    about = yaml.safe_load((folder / "Chart.yaml").read_text(encoding="utf-8"))
    (folder / "Chart.yaml").write_text(yaml.safe_dump({**about, "version": OLD_VERSION}))
    values = (folder / "values.yaml").read_text(encoding="utf-8")
    assert values.count(f"  workers: {NEW_WORKERS}\n") == 1
    (folder / "values.yaml").write_text(values.replace(f"  workers: {NEW_WORKERS}\n", f"  workers: {OLD_WORKERS}\n"))
    return folder


@pytest.fixture
def values(image: str) -> Values:
    """The values of both charts: the tests' own, with an autoscaler of the segmenter."""
    return merged(operator_values(image), {"segmenter": {"autoscaling": {"enabled": True}}})


@pytest.fixture
def old_release(cluster: Cluster, image: str, old_chart: Path, values: Values) -> Iterator[None]:
    """The older chart in the place of the current one, with its segmenter at two pods. Afterwards it is as it was."""
    cluster.helm("uninstall", RELEASE, "-n", SYSTEM, *WAIT)
    try:
        helm_install(cluster, RELEASE, SYSTEM, values, chart=old_chart)
        scale = (f"deployment/{RELEASE}-segmenter", f"--replicas={AUTOSCALER_REPLICAS}", "-n", SYSTEM)
        cluster.kubectl("scale", *scale)  # as the autoscaler's controller does
        cluster.kubectl("rollout", "status", scale[0], "-n", SYSTEM, "--timeout=300s")
        yield
    finally:
        cluster.helm("uninstall", RELEASE, "-n", SYSTEM, *WAIT, check=False)
        helm_install(cluster, RELEASE, SYSTEM, operator_values(image))


def test_a_run_outlives_an_upgrade_and_a_rollback(cluster: Cluster, old_release: None, values: Values) -> None:
    run = pretraining("upgraded")
    run["spec"]["pretrain"]["programs"] = 8000  # 500 steps
    cluster.apply(run)
    eventually(lambda: last_checkpoint(cluster, "upgraded") or None, "the first checkpoint")
    stage, frozen, services = stage_of(cluster), frozen_spec(cluster), service_pods(cluster)
    assert (workers(cluster), len(services)) == (OLD_WORKERS, AUTOSCALER_REPLICAS + 1)

    helm_install(cluster, RELEASE, SYSTEM, values, "upgrade")
    assert workers(cluster) == NEW_WORKERS
    assert service_pods(cluster) == services  # nothing of them has changed, and the autoscaler's number was kept
    cluster.helm("rollback", RELEASE, "1", "-n", SYSTEM, *WAIT)
    assert workers(cluster) == OLD_WORKERS
    assert service_pods(cluster) == services
    assert cluster.condition("upgraded", "Complete") is None, "the run was too short to outlive anything"

    cluster.kubectl("wait", "-n", NAMESPACE, "--for=condition=Complete", "trun/upgraded", "--timeout=900s")
    assert (stage_of(cluster), frozen_spec(cluster)) == (stage, frozen)
    assert restarts(cluster, "upgraded", "pretrain") == {}
    assert events(cluster, "upgraded") == ["AllStagesDone"]
    cluster.delete_run("upgraded")


def test_an_uninstalled_release_leaves_what_is_kept(cluster: Cluster, old_release: None, values: Values) -> None:
    helm_install(cluster, RELEASE, SYSTEM, values, "upgrade")
    kept = cluster.get("persistentvolumeclaim", "prlcoder-runs")["metadata"]["uid"]
    cluster.helm("uninstall", RELEASE, "-n", SYSTEM, *WAIT)
    own = {
        "serviceaccount/default",
        "configmap/kube-root-ca.crt",
        "secret/services-certificate",
        "secret/services-tokens",
    }
    eventually(lambda: names(cluster, LEFT_KINDS, SYSTEM) == own or None, "the end of what the release made")
    assert cluster.get("persistentvolumeclaim", "prlcoder-runs")["metadata"]["uid"] == kept
    assert cluster.exists("crd/trainingruns.prlcoder.dev")


def workers(cluster: Cluster) -> int:
    """How many runs the operator that runs now looks at at once."""
    selector = ("-l", "app.kubernetes.io/component=operator", "--field-selector=status.phase=Running")
    (pod,) = (one for one in cluster.get("pods", *selector, namespace=SYSTEM)["items"] if not deleted(one))
    variables = {one["name"]: one.get("value") for one in pod["spec"]["containers"][0]["env"]}
    return int(variables["PRLCODER_OPERATOR_WORKERS"])


def service_pods(cluster: Cluster) -> dict[str, tuple[str, int]]:
    """The pods of the release's services: the UID of each, and how often its container has started again."""
    selector = ("-l", "app.kubernetes.io/component in (segmenter,mutator)")
    pods = [one for one in cluster.get("pods", *selector, namespace=SYSTEM)["items"] if not deleted(one)]
    return {
        one["metadata"]["name"]: (one["metadata"]["uid"], one["status"]["containerStatuses"][0]["restartCount"])
        for one in pods
    }


def deleted(pod: dict[str, Any]) -> bool:
    """Whether a pod is about to end."""
    return "deletionTimestamp" in pod["metadata"]


def stage_of(cluster: Cluster) -> tuple[str, list[str]]:
    """The UIDs of the run's Job and of its pods."""
    pods = [one["metadata"]["uid"] for one in cluster.pods("upgraded", "pretrain")]
    return cluster.get("job", "upgraded-pretrain")["metadata"]["uid"], pods


def frozen_spec(cluster: Cluster) -> tuple[str, dict[str, str]]:
    """The run's ConfigMap with its resolved manifest: the UID and the content."""
    found = cluster.get("configmap", "upgraded-spec")
    return found["metadata"]["uid"], found["data"]


def names(cluster: Cluster, kinds: str, namespace: str) -> set[str]:
    """The objects of some kinds, by kind and name."""
    lines = cluster.kubectl("get", kinds, "-n", namespace, "-o", "name").stdout.split()
    return {f"{line.split('/')[0].split('.')[0]}/{line.split('/')[1]}" for line in lines}
