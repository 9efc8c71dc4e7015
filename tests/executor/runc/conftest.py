"""Why there is no container under runc, where there is none."""

from __future__ import annotations

import os
import shutil

import pytest


@pytest.fixture(scope="session", autouse=True)
def _runc() -> None:
    if os.geteuid() != 0:
        pytest.skip("runc needs root here")
    for command in ("runc", "unshare"):
        if shutil.which(command) is None:
            pytest.skip(f"no {command} on this machine")
