"""The container under gVisor, or why there is none."""

from __future__ import annotations

import os
import shutil

import pytest
from tests.executor.gvisor.runsc import NoRunscError, runsc


@pytest.fixture(scope="session", autouse=True)
def _runsc() -> None:
    """Tests here skip, with the reason, on a machine that cannot run gVisor. In CI, a build that fails is a failure."""
    if os.geteuid() != 0:
        pytest.skip("runsc needs root here")
    if shutil.which("unshare") is None:
        pytest.skip("no unshare on this machine (util-linux)")
    if shutil.which("runsc") is None and shutil.which("go") is None:
        pytest.skip("no runsc on this machine, and no go to build it")
    try:
        runsc()
    except NoRunscError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))  # a laptop without a network
