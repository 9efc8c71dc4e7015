"""Helm and a bare control plane, or the reason why there is none. In CI, one that fails is a failure."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.chart.chart import Helm
from tests.chart.helm import NoHelmError, helm_path
from tests.cluster.control_plane import ControlPlane
from tests.cluster.control_plane_or_skip import control_plane_or_skip


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm, of the version that go.mod pins."""
    try:
        return Helm(helm_path(), tmp_path_factory.mktemp("helm"))
    except NoHelmError as error:
        if os.environ.get("CI") and shutil.which("go"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def bare_plane() -> Iterator[ControlPlane]:
    """A control plane on which nothing of PRLCoder is installed, with a RuntimeClass `gvisor`."""
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
