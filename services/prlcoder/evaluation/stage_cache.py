"""Results that a stage computes once, even if it is killed in between."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prlcoder.files import read_json, write_json


@dataclass
class Kept:
    """A folder of finished pieces of work, each a JSON file. ``seconds`` sums what they took, by kind of work."""

    folder: Path
    seconds: dict[str, float] = field(default_factory=dict)

    def piece(self, name: str, kind: str, compute: Callable[[], Any]) -> Any:
        """The piece called ``name``: read if an earlier attempt finished it, else computed and written."""
        path = self.folder / f"{name}.json"
        if not path.exists():
            started = time.monotonic()
            result = compute()
            write_json(path, {"seconds": time.monotonic() - started, "result": result})
        data = read_json(path)
        self.seconds[kind] = round(self.seconds.get(kind, 0.0) + data["seconds"], 3)
        return data["result"]
