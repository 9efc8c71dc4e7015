"""The cluster of the tests here, with the operator and the executor installed, or the reason why there is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from string import Template

import pytest
from tests.cluster.binaries import NoClusterError
from tests.e2e.cluster import NAMESPACE, Cluster, eventually
from tests.e2e.cpu_image import base_image, cpu_image, pause_image
from tests.e2e.node import API_NAME, FIRST_SERVICE, node, unmet

ROOT = Path(__file__).resolve().parents[2]
CRD = ROOT / "charts" / "prlcoder" / "files" / "trainingruns.yaml"
INSTALLED = Path(__file__).resolve().parent / "manifests" / "prlcoder.yaml"
SYSTEM = "prlcoder-system"
SANDBOX = "prlcoder-sandbox"
EXECUTOR_ADDRESS = "10.96.0.20"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder ``e2e``: `make test` leaves them out."""
    folder = Path(__file__).resolve().parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The user's cluster where PRLCODER_E2E_CONTEXT names its context, otherwise a node of our own."""
    if context := os.environ.get("PRLCODER_E2E_CONTEXT"):
        image = os.environ.get("PRLCODER_E2E_IMAGE")
        if not image:
            pytest.fail("PRLCODER_E2E_IMAGE is not set; give the name of an image that this cluster can pull")
        theirs = Cluster(command=("kubectl", "--context", context))
        _install(theirs, image)
        yield theirs
        _uninstall(theirs)
        return
    if (reason := unmet()) is not None:
        pytest.skip(reason)
    with ExitStack() as stack:
        try:
            base = base_image()
            image = cpu_image(base)
            ours = stack.enter_context(node(base, [pause_image(base), image]))
        except NoClusterError as error:
            pytest.skip(str(error))
        _provide_storage(ours)
        _install(ours, image.name)
        yield ours
        _show_logs(ours)


def _install(cluster: Cluster, image: str) -> None:
    cluster.kubectl("apply", "--server-side", "-f", str(CRD))
    established = ("wait", "--for=condition=Established", "crd/trainingruns.prlcoder.dev", "--timeout=300s")
    # At first the conditions are null, and kubectl refuses to wait for one.
    eventually(lambda: cluster.kubectl(*established, check=False).returncode == 0 or None, "the CRD")
    text = Template(INSTALLED.read_text(encoding="utf-8"))
    address, executor, aliases = "", f"prlcoder-executor.{SANDBOX}.svc:8103", "[]"
    if cluster.storage is not None:  # our own node has no DNS
        address, executor = EXECUTOR_ADDRESS, f"{EXECUTOR_ADDRESS}:8103"
        aliases = f"[{{ip: {FIRST_SERVICE}, hostnames: [{API_NAME}]}}]"
    installed = text.substitute(IMAGE=image, EXECUTOR=executor, EXECUTOR_ADDRESS=address, ALIASES=aliases)
    cluster.kubectl("apply", "-f", "-", text=installed)
    for name, namespace in (("prlcoder-operator", SYSTEM), ("prlcoder-executor", SANDBOX)):
        cluster.kubectl("rollout", "status", f"deployment/{name}", "-n", namespace, "--timeout=300s")
    cluster.kubectl("wait", "--for=condition=Ready", "pod/reader", "-n", NAMESPACE, "--timeout=300s")


def _uninstall(cluster: Cluster) -> None:
    for namespace in (NAMESPACE, SANDBOX, SYSTEM):
        cluster.kubectl("delete", "namespace", namespace, "--wait=false", check=False)
    cluster.kubectl("delete", "clusterrole,clusterrolebinding", "prlcoder-operator", check=False)


def _provide_storage(cluster: Cluster) -> None:
    """A volume on the node for the claim of the runs."""
    assert cluster.storage is not None
    os.chown(cluster.storage, 10001, 10001)
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "runs"},
        "spec": {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": str(cluster.storage)},
            "claimRef": {"name": "prlcoder-runs", "namespace": NAMESPACE},
        },
    }
    cluster.apply(volume)
    account = eventually(
        lambda: cluster.kubectl("get", "serviceaccount", "default", check=False).returncode == 0 or None,
        "the controllers' start",
    )
    assert account


def _show_logs(cluster: Cluster) -> None:
    """pytest shows what the operator logged where a test has failed."""
    print(cluster.kubectl("logs", "-n", SYSTEM, "deployment/prlcoder-operator", "--tail=100", check=False).stdout)
