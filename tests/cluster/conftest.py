"""The control plane of the tests here, or the reason why there is none. In CI, one that fails is a failure."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.binaries import NoClusterError, built
from tests.cluster.control_plane import ControlPlane, control_plane

CRD = Path(__file__).resolve().parents[2] / "charts" / "prlcoder" / "files" / "trainingruns.yaml"
NAME = "trainingruns.prlcoder.dev"


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    """A control plane with the CRD of TrainingRun and the service account of its pods."""
    if shutil.which("etcd") is None:
        pytest.skip("there is no etcd on this machine (on Debian: apt install etcd-server)")
    if shutil.which("go") is None and not built():
        pytest.skip("the control plane is not built, and there is no go to build it (make setup-cluster)")
    try:
        with control_plane() as running:
            running.install(CRD, NAME)
            running.kubectl("create", "serviceaccount", "prlcoder-run")
            yield running
    except NoClusterError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
