"""Fixtures of the services' tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))  # test folders are no packages

from authorities import Authority
from serving import Serve, serving


@pytest.fixture(scope="module")
def serve() -> Iterator[Serve]:
    """Starts servers on free ports of this process; they are stopped at the module's end."""
    with serving() as start:
        yield start


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority with a certificate for a server on this machine and one for a client."""
    return Authority(tmp_path_factory.mktemp("authority"))
