"""The ready file: where a server listens, written once it is healthy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from prlcoder.files import atomic_output

Ports = Mapping[str, str | None]  # {"grpc": "127.0.0.1:8101", "metrics": "127.0.0.1:9101"}


def write_ready(path: Path, services: Mapping[str, Ports]) -> None:
    """``{service: {grpc, metrics}}``, whole or not at all."""
    with atomic_output(path) as file:
        file.write(json.dumps(services, indent=2) + "\n")


def read_ready(path: Path) -> dict[str, dict[str, str | None]]:
    """What ``write_ready`` wrote."""
    services: dict[str, dict[str, str | None]] = json.loads(path.read_text(encoding="utf-8"))
    return services
