"""The cluster of the tests here, with PRLCoder installed, or the reason why there is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.cluster.binaries import NoClusterError
from tests.e2e.binaries import job_set_chart
from tests.e2e.cluster import NAMESPACE, Cluster, eventually
from tests.e2e.cpu_image import base_image, cpu_image, pause_image, vllm_image
from tests.e2e.installation import SYSTEM, install, uninstall
from tests.e2e.job_set_image import JOB_SET_IMAGE, job_set_image
from tests.e2e.node import node, unmet
from tests.e2e.runs import WHOLE_RUN, with_vllm


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder ``e2e``: `make test` leaves them out."""
    folder = Path(__file__).resolve().parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session")
def image(cluster: Cluster) -> str:
    """The image of everything."""
    deployment = cluster.get("deployment", "prlcoder-operator", namespace=SYSTEM)
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


@pytest.fixture(scope="session")
def whole_run(cluster: Cluster) -> str:
    """The name of a run of all stages that is complete."""
    cluster.kubectl("apply", "-n", NAMESPACE, "-f", str(WHOLE_RUN))
    cluster.kubectl("wait", "-n", NAMESPACE, "--for=condition=Complete", "trun/whole", "--timeout=900s")
    return "whole"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The user's cluster where PRLCODER_E2E_CONTEXT names its context, otherwise a node of our own."""
    if context := os.environ.get("PRLCODER_E2E_CONTEXT"):
        image = os.environ.get("PRLCODER_E2E_IMAGE")
        if not image:
            pytest.fail("PRLCODER_E2E_IMAGE is not set; give the name of an image that this cluster can pull")
        theirs = Cluster(command=("kubectl", "--context", context), helm_options=("--kube-context", context))
        install(theirs, image)
        yield theirs
        uninstall(theirs)
        return
    if (reason := unmet()) is not None:
        pytest.skip(reason)
    with ExitStack() as stack:
        try:
            base = base_image()
            image = cpu_image(base)
            policy = [vllm_image(base)] if with_vllm() else []
            ours = stack.enter_context(node(base, [pause_image(base), image, job_set_image(), *policy]))
        except NoClusterError as error:
            pytest.skip(str(error))
        provide_storage(ours)
        install(ours, image.name, *(one.name for one in policy))
        yield ours
        _show_logs(ours)


@pytest.fixture
def job_set_controller(cluster: Cluster) -> Iterator[None]:
    """JobSet's own controller, from its own chart."""
    name, _, tag = JOB_SET_IMAGE.rpartition(":")
    values = (
        *(f"--set=image.repository={name}", f"--set-string=image.tag={tag}", "--set=image.pullPolicy=Never"),
        *("--set=controller.podSecurityContext.runAsUser=65532", "--set=controller.leaderElection.enable=false"),
        "--set=controller.resources.requests.cpu=50m",
    )
    where = ("-n", "jobset-system", "--timeout=300s")
    cluster.helm("install", "jobset", str(job_set_chart()), "--create-namespace", "--wait", *where, *values)
    try:
        yield
    finally:
        cluster.helm("uninstall", "jobset", "--wait", *where)
        cluster.kubectl("delete", "crd", "jobsets.jobset.x-k8s.io")


def provide_storage(cluster: Cluster) -> None:
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
