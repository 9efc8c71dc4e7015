"""Small files of our own making, one for each format."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The folder of the fixture files."""
    return Path(__file__).resolve().parent / "fixtures"
