"""The numbers that the peers' own functions have computed (``data/README.md`` says how)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch

FILE = Path(__file__).parent / "data" / "rl_goldens.json"


@cache
def _record() -> dict[str, Any]:
    record: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return record


def given(*names: str) -> list[torch.Tensor]:
    """Inputs by name."""
    return [torch.tensor(_record()["inputs"][name], dtype=torch.float64) for name in names]


def golden(peer: str, name: str) -> torch.Tensor:
    """What a peer computed."""
    return torch.tensor(_record()[peer][name], dtype=torch.float64)


def assert_close(ours: torch.Tensor | float, theirs: torch.Tensor) -> None:
    """Equal up to the constants that peers add to denominators."""
    torch.testing.assert_close(torch.as_tensor(ours, dtype=torch.float64), theirs, rtol=1e-5, atol=1e-7)
