"""One jail for the tests that need no other: what one test leaves behind, the next would see."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from prlcoder.executor import Executor, ResourceLimits

LIMITS = ResourceLimits(cpu_s=20.0, wall_s=60.0, memory_mib=512, output_mib=4, processes=8)


@pytest.fixture(scope="session")
def executor() -> Iterator[Executor]:
    """A single worker, so that every program runs in the same jail right after the one before."""
    with Executor(workers=1, limits=LIMITS) as started:
        yield started
