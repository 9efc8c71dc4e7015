"""The control plane of the tests here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.control_plane_or_skip import control_plane_or_skip

CRD = Path(__file__).resolve().parents[2] / "charts" / "prlcoder" / "files" / "trainingruns.yaml"
NAME = "trainingruns.prlcoder.dev"


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    """A control plane with the CRD of TrainingRun and the service account of its pods."""
    with control_plane_or_skip() as running:
        running.install(CRD, NAME)
        running.kubectl("create", "serviceaccount", "prlcoder-run")
        yield running
