"""What the tests of the chart run, or the reason why there is none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def promtool() -> Path:
    """Prometheus' promtool."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("there is no promtool on this machine (on Debian: apt install prometheus)")
    return Path(found)
