"""Helm 3 and Helm 4 do the same with the chart. They write to the API server in different ways: Helm 3 merges what a
release was, what it shall be and what there is; Helm 4 applies on the server, which knows who owns which field."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.chart.chart import CASES, CHART, Helm, of_kind
from tests.chart.helm import HELM_3, HELM_4
from tests.cluster.control_plane import ControlPlane
from tests.cluster.operator_process import eventually

NAMESPACE = "helm-3"
SCALED = ("--set=segmenter.autoscaling.enabled=true", "--set=crds.install=false", "--set=rbac.scope=namespace")


@pytest.fixture(scope="module")
def plane(bare_plane: ControlPlane) -> ControlPlane:
    """The control plane with a namespace for these releases."""
    bare_plane.kubectl("create", "namespace", NAMESPACE)
    account = ("get", "serviceaccount", "default", "-n", NAMESPACE)
    eventually(lambda: bare_plane.kubectl(*account, check=False).returncode == 0, "the namespace's default account")
    return bare_plane


@contextmanager
def installed(helm: Helm, plane: ControlPlane, *options: str) -> Iterator[tuple[str, ...]]:
    """An installed release; yields where it is. It is uninstalled at the end."""
    where = (f"--namespace={NAMESPACE}", f"--kubeconfig={plane.kubeconfig}")
    helm("install", "prlcoder", str(CHART), *where, *options)
    try:
        yield where
    finally:
        helm("uninstall", "prlcoder", *where)


def replicas(plane: ControlPlane, name: str) -> int:
    """How many pods a Deployment shall have."""
    return int(plane.get("deployment", f"prlcoder-{name}", "-n", NAMESPACE)["spec"]["replicas"])


def test_the_versions_are_those_of_the_pinned_modules(helm: Helm, helm_3: Helm) -> None:
    assert (HELM_3.version.split(".")[0], HELM_4.version.split(".")[0]) == ("v3", "v4")
    assert helm_3("version", "--template={{.Version}}").stdout.startswith("v3")
    assert helm("version", "--template={{.Version}}").stdout.startswith("v4")


@pytest.mark.parametrize("values", CASES, ids=lambda path: path.stem)
def test_both_find_nothing_to_complain_about_and_render_the_same_objects(
    helm: Helm, helm_3: Helm, values: Path
) -> None:
    done = helm_3("lint", "--strict", str(CHART), f"--values={values}", check=False)
    assert (done.returncode, "WARNING" in done.stdout) == (0, False), done.stdout

    def named(one: Helm) -> dict[str, object]:
        rendered = one.render(f"--values={values}")
        return {json.dumps([m["kind"], m["metadata"].get("namespace"), m["metadata"]["name"]]): m for m in rendered}

    assert named(helm_3) == named(helm)


@pytest.mark.parametrize("setting", ["executor.replicsa=2", "crds.keep=1", "prm.enabled=true", "rbac.scope=galaxy"])
def test_helm_3_refuses_a_wrong_value_by_its_name(helm_3: Helm, setting: str) -> None:
    section, name = setting.split("=")[0].split(".")
    message = helm_3.refusal(setting)
    assert section in message
    assert name in message or "prm.model" in message


def test_helm_3_installs_upgrades_rolls_back_and_leaves_what_is_kept(helm_3: Helm, plane: ControlPlane) -> None:
    with installed(helm_3, plane) as where:
        helm_3("upgrade", "prlcoder", str(CHART), *where, "--set=executor.replicas=3")
        assert replicas(plane, "executor") == 3
        helm_3("rollback", "prlcoder", "1", *where)
        assert replicas(plane, "executor") == 1
        secret = plane.get("secret", "sh.helm.release.v1.prlcoder.v2", "-n", NAMESPACE)
        assert len(base64.b64decode(secret["data"]["release"])) < 300_000
    for kind in ("deployments", "services", "networkpolicies", "poddisruptionbudgets", "roles", "rolebindings"):
        assert plane.get(kind, "-n", NAMESPACE)["items"] == []
    claims = plane.get("persistentvolumeclaims", "-n", NAMESPACE)["items"]
    assert [one["metadata"]["name"] for one in claims] == ["prlcoder-runs"]


def test_helm_4_takes_over_a_release_of_helm_3(helm: Helm, helm_3: Helm, plane: ControlPlane) -> None:
    with installed(helm_3, plane, *SCALED) as where:
        helm("upgrade", "prlcoder", str(CHART), *where, *SCALED, "--set=executor.replicas=2")
        assert replicas(plane, "executor") == 2
        manifests = helm("get", "manifest", "prlcoder", *where).stdout
        assert manifests == helm_3("get", "manifest", "prlcoder", *where).stdout


@pytest.mark.parametrize("which", ["helm", "helm_3"])
def test_an_upgrade_keeps_the_replicas_that_an_autoscaler_has_set(
    request: pytest.FixtureRequest, plane: ControlPlane, which: str
) -> None:
    chosen: Helm = request.getfixturevalue(which)
    with installed(chosen, plane, *SCALED) as where:
        as_the_autoscaler = ("scale", "deployment/prlcoder-segmenter", "--replicas=3", "-n", NAMESPACE)
        plane.kubectl(*as_the_autoscaler)
        chosen("upgrade", "prlcoder", str(CHART), *where, *SCALED, "--set=segmenter.podAnnotations.note=new")
        assert replicas(plane, "segmenter") == 3
        found = plane.get("deployment", "prlcoder-segmenter", "-n", NAMESPACE, "--show-managed-fields")
        owners = [
            one["manager"]
            for one in found["metadata"]["managedFields"]
            if "f:replicas" in one["fieldsV1"].get("f:spec", {})
        ]
        assert "helm" not in owners
        chosen("rollback", "prlcoder", "1", *where)
        assert replicas(plane, "segmenter") == 3
    assert of_kind(plane.get("deployments", "-n", NAMESPACE)["items"], "Deployment") == {}


@pytest.mark.parametrize("which", ["helm", "helm_3"])
def test_an_autoscaler_that_is_switched_on_begins_with_one_pod(
    request: pytest.FixtureRequest, plane: ControlPlane, which: str
) -> None:
    chosen: Helm = request.getfixturevalue(which)
    with installed(chosen, plane, *SCALED[1:], "--set=segmenter.replicas=3") as where:
        chosen("upgrade", "prlcoder", str(CHART), *where, *SCALED)
        assert replicas(plane, "segmenter") == 1
