"""Fixtures that every part's tests use."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest_plugins = ["tests.fixtures.tiny_models", "tests.fixtures.servers"]

ROOT = Path(__file__).resolve().parents[1]

if TYPE_CHECKING:
    from tests.fixtures.vllm_server import VllmServer


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The folder of small problem files of our own making, one for each format."""
    return ROOT / "tests" / "problems" / "fixtures"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real problem sets beside a developer's checkout; absent elsewhere."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real problem sets (../shared/data) are not on this machine")
    return folder


@pytest.fixture(scope="session")
def vllm_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    """vLLM's OpenAI-compatible server with a tiny model of random weights, where vLLM is installed."""
    if importlib.util.find_spec("vllm") is None:
        pytest.skip("vLLM is not installed (make setup-vllm)")
    from tests.fixtures.vllm_server import serving, tiny_model

    folder = tmp_path_factory.mktemp("vllm") / "tiny"
    tiny_model(folder)
    with serving(folder) as server:
        print(f"vLLM was up after {server.start_s:.0f} s", file=sys.stderr)
        yield server
