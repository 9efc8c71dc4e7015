"""The chart on a real API server: what it accepts, what a release leaves behind, what the operator may do."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tests.chart.chart import CASES, CHART, Helm, of_kind
from tests.cluster.control_plane import ControlPlane
from tests.cluster.operator_process import eventually, operator, training_run

CRD = "trainingruns.prlcoder.dev"
KINDS_OF_OTHERS = ("ServiceMonitor", "PodMonitor", "PrometheusRule", "GRPCRoute")  # this API server does not serve them
MAX_RELEASE_BYTES = 300_000


@pytest.fixture(scope="module")
def plane(bare_plane: ControlPlane) -> ControlPlane:
    """The control plane with the namespaces of the cases."""
    for name in ("prlcoder", "team-a", "team-b", "team-c"):
        bare_plane.kubectl("create", "namespace", name)
    account = ("get", "serviceaccount", "default", "-n", "prlcoder")
    eventually(lambda: bare_plane.kubectl(*account, check=False).returncode == 0, "the namespace's default account")
    return bare_plane


@contextmanager
def release(helm: Helm, plane: ControlPlane, name: str, namespace: str, *options: str) -> Iterator[None]:
    """An installed release; it is uninstalled at the end."""
    where = (f"--namespace={namespace}", f"--kubeconfig={plane.kubeconfig}")
    helm("install", name, str(CHART), *where, *options)
    try:
        yield
    finally:
        helm("uninstall", name, *where)


@pytest.mark.parametrize("values", CASES, ids=lambda path: path.stem)
def test_the_api_server_accepts_every_object_without_a_warning(helm: Helm, plane: ControlPlane, values: Path) -> None:
    manifests = [one for one in helm.render(f"--values={values}") if one["kind"] not in KINDS_OF_OTHERS]
    for pod in of_kind(manifests, "Pod").values():
        del pod["spec"]["serviceAccountName"]  # a dry run makes none
    done = plane.kubectl(
        *("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"),
        text=yaml.safe_dump_all(manifests),
    )
    assert "Warning" not in done.stderr
    assert len(done.stdout.splitlines()) == len(manifests)


def test_a_release_is_small_can_be_upgraded_and_leaves_what_is_kept(helm: Helm, plane: ControlPlane) -> None:
    where = ("--namespace=prlcoder", f"--kubeconfig={plane.kubeconfig}")
    with release(helm, plane, "prlcoder", "prlcoder"):
        helm("upgrade", "prlcoder", str(CHART), *where, "--set=executor.replicas=3")
        executor = plane.get("deployment", "prlcoder-executor", "-n", "prlcoder")
        assert executor["spec"]["replicas"] == 3
        secret = plane.get("secret", "sh.helm.release.v1.prlcoder.v2", "-n", "prlcoder")
        size = len(base64.b64decode(secret["data"]["release"]))
        print(f"the release has {size} bytes")
        assert size < MAX_RELEASE_BYTES
        helm("rollback", "prlcoder", "1", *where)
        assert plane.get("deployment", "prlcoder-executor", "-n", "prlcoder")["spec"]["replicas"] == 1
    for kind in ("deployments", "services", "networkpolicies", "poddisruptionbudgets", "roles", "rolebindings"):
        assert plane.get(kind, "-n", "prlcoder")["items"] == []
    claims = plane.get("persistentvolumeclaims", "-n", "prlcoder")["items"]
    assert [one["metadata"]["name"] for one in claims] == ["prlcoder-runs"]
    plane.kubectl("get", "crd", CRD)


def test_a_missing_runtime_class_is_refused_and_nothing_is_installed(helm: Helm, plane: ControlPlane) -> None:
    where = ("--namespace=team-c", f"--kubeconfig={plane.kubeconfig}", "--set=crds.install=false")
    done = helm("install", "one", str(CHART), *where, "--set=executor.runtimeClassName=kata", check=False)
    assert done.returncode != 0
    assert 'executor.runtimeClassName: the cluster has no RuntimeClass "kata"' in done.stderr
    assert plane.get("deployments,services,secrets", "-n", "team-c")["items"] == []


def test_monitoring_without_its_crds_is_refused(helm: Helm, plane: ControlPlane) -> None:
    where = ("--namespace=team-c", f"--kubeconfig={plane.kubeconfig}", "--set=monitoring.prometheusRule=true")
    done = helm("install", "one", str(CHART), *where, check=False)
    assert "monitoring.prometheusRule: the cluster does not serve monitoring.coreos.com/v1" in done.stderr


@pytest.mark.parametrize(
    ("scope", "namespaces"), [("cluster", ["prlcoder", "team-a"]), ("namespace", ["prlcoder"])], ids=lambda value: value
)
def test_the_operator_reconciles_with_the_rights_of_the_chart(
    helm: Helm,
    plane: ControlPlane,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scope: str,
    namespaces: list[str],
) -> None:
    options = [f"--set=rbac.scope={scope}", "--set=storage.kind=none", "--set=crds.install=false"]
    if scope == "namespace":
        monkeypatch.setenv("PRLCODER_OPERATOR_NAMESPACE", "prlcoder")
    plane.kubectl("apply", "--server-side", "-f", str(CHART / "files" / "trainingruns.yaml"))
    plane.kubectl("wait", "--for=condition=Established", f"crd/{CRD}", "--timeout=60s")
    with release(helm, plane, "prlcoder", "prlcoder", *options):
        limited = replace(plane, kubeconfig=kubeconfig_of_operator(plane, tmp_path))
        with operator(limited, tmp_path / "operator.log"):
            for namespace in namespaces:
                run = training_run(f"by-{scope}")
                run["metadata"]["namespace"] = namespace
                plane.apply(run)
                where = ("-n", namespace)
                eventually(lambda where=where: plane.get("jobs", *where)["items"] or None, f"a Job in {namespace}")
                eventually(lambda where=where: phase(plane, f"by-{scope}", *where), "the phase")
        log = (tmp_path / "operator.log").read_text(errors="replace")
        for namespace in namespaces:
            plane.kubectl("delete", "trun", f"by-{scope}", "-n", namespace)
            plane.kubectl("delete", "jobs", "--all", "-n", namespace)
    if scope == "cluster":  # in one namespace kopf tries to list CRDs and namespaces, and does without
        assert "forbidden" not in log.lower()


def phase(plane: ControlPlane, run: str, *where: str) -> str | None:
    """``status.phase`` of a run."""
    found: str | None = plane.get("trun", run, *where).get("status", {}).get("phase")
    return found


def kubeconfig_of_operator(plane: ControlPlane, folder: Path) -> Path:
    """A kubeconfig with a token of the operator's account."""
    token = plane.kubectl("create", "token", "prlcoder-operator", "-n", "prlcoder").stdout.strip()
    document = yaml.safe_load(plane.kubeconfig.read_text())
    document["users"][0]["user"] = {"token": token}
    path = folder / "operator.kubeconfig"
    path.write_text(json.dumps(document))
    return path


def test_two_namespaced_releases_live_side_by_side(helm: Helm, plane: ControlPlane) -> None:
    options = ("--set=rbac.scope=namespace", "--set=crds.install=false")
    with (
        release(helm, plane, "code", "team-a", *options),
        release(helm, plane, "code", "team-b", *options),
    ):
        for namespace in ("team-a", "team-b"):
            found = plane.get("deployments", "-n", namespace)["items"]
            names = sorted(one["metadata"]["name"] for one in found)
            assert names == [f"code-prlcoder-{name}" for name in ("executor", "mutator", "operator", "segmenter")]
