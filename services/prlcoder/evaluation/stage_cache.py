"""Caches intermediate results on disk, so that a resumed stage does not compute them again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prlcoder.files import read_json, write_json
from prlcoder.stages.checkpoints import checkpoint_saved


@dataclass
class StageCache:
    """A folder with one JSON file per result. ``seconds`` sums the time that computing them took, by kind of work."""

    folder: Path
    seconds: dict[str, float] = field(default_factory=dict)

    def load_or_compute(self, name: str, kind: str, compute: Callable[[], Any]) -> Any:
        """The result ``name``: read if an earlier attempt has written it, otherwise computed and written."""
        path = self.folder / f"{name}.json"
        if not path.exists():
            started = time.monotonic()
            result = compute()
            write_json(path, {"seconds": time.monotonic() - started, "result": result})
            checkpoint_saved(name)
        data = read_json(path)
        self.seconds[kind] = round(self.seconds.get(kind, 0.0) + data["seconds"], 3)
        return data["result"]
