"""What the tests of builds share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="session")
def totals() -> Callable[[dict[str, Any]], object]:
    """A manifest's counts, summed over verdicts: which limit a runaway program met first is the machine's affair."""

    def sums(manifest: dict[str, Any]) -> object:
        groups = {name: group for name, group in manifest["counts"]["by"].items() if name not in ("verdict", "reason")}
        summed = {
            name: {key: sum(count.values()) if isinstance(count, dict) else count for key, count in group.items()}
            for name, group in groups.items()
        }
        return {**manifest["counts"], "by": summed}

    return sums
