"""Helm and a bare control plane, or the reason why there is none. In CI, one that fails is a failure."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.chart.chart import Helm
from tests.chart.helm import HELM_3, HELM_4, HelmModule, NoHelmError, helm_path
from tests.cluster.control_plane import ControlPlane
from tests.cluster.control_plane_or_skip import control_plane_or_skip


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm 4, of the version that go.mod pins."""
    return built_helm(HELM_4, tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def helm_3(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm 3, of the version that helm3/go.mod pins."""
    return built_helm(HELM_3, tmp_path_factory.mktemp("helm3"))


def built_helm(module: HelmModule, home: Path) -> Helm:
    """Helm of this module. Where it cannot be built, the test is skipped, and in CI it fails."""
    try:
        return Helm(helm_path(module), home)
    except NoHelmError as error:
        if os.environ.get("CI") and shutil.which("go"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def bare_plane() -> Iterator[ControlPlane]:
    """A control plane on which nothing of PRLCoder is installed, with a RuntimeClass `gvisor`.

    Each file has its own, because releases leave the CRD.
    """
    with control_plane_or_skip() as running:
        gvisor = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "gvisor"}}
        running.apply({**gvisor, "handler": "runsc"})
        yield running


@pytest.fixture(scope="session")
def promtool() -> Path:
    """Prometheus' promtool."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("there is no promtool on this machine (on Debian: apt install prometheus)")
    return Path(found)
