"""The control plane of a test session, or the reason why it is skipped. In CI, one that fails is a failure."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.cluster.binaries import NoClusterError, built
from tests.cluster.control_plane import ControlPlane, control_plane


@contextmanager
def control_plane_or_skip() -> Iterator[ControlPlane]:
    """A bare control plane; the tests that need it are skipped where this machine cannot build or run it."""
    if shutil.which("etcd") is None:
        pytest.skip("there is no etcd on this machine (on Debian: apt install etcd-server)")
    if shutil.which("go") is None and not built():
        pytest.skip("the control plane is not built, and there is no go to build it (make setup-cluster)")
    try:
        with control_plane() as running:
            yield running
    except NoClusterError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
