"""Reads and writes ``state.json``, the progress of each stage of a run.

It is the only mutable record of a run, and it is written atomically after every change.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from prlcoder.errors import located
from prlcoder.files import write_json

StageStatus = Literal["to do", "running", "interrupted", "failed", "done", "given"]
FINISHED_STATUSES = ("done", "given")


@dataclass(frozen=True)
class StageRecord:
    """The state of one stage.

    Times are UTC in ISO 8601. ``wall_s`` and ``usage`` (memory, tokens, disk) count all attempts since the
    stage was last started afresh.
    """

    status: StageStatus = "to do"
    attempt: int = 0
    started: str | None = None
    finished: str | None = None
    wall_s: float = 0.0
    metrics: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    usage: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RunState:
    """The records of all stages, by name, in the order of the run."""

    stages: dict[str, StageRecord]

    def having(self, name: str, record: StageRecord) -> RunState:
        """A copy of this state with one record replaced."""
        return replace(self, stages={**self.stages, name: record})


def load_state(path: Path, stages: list[str]) -> RunState:
    """The state at ``path``, or the state of a new run with these stages; ``InputError`` for a damaged file."""
    if not path.exists():
        return RunState({name: StageRecord() for name in stages})
    try:
        data = json.loads(path.read_text("utf-8"))["stages"]
        return RunState({name: StageRecord(**data.get(name, {})) for name in stages})
    except (ValueError, KeyError, TypeError, AttributeError):
        remedy = "restore it, or move the run folder away and run again"
        raise located(path, None, None, "is damaged", remedy) from None


def save_state(path: Path, state: RunState) -> None:
    """Write ``state`` to ``path`` atomically."""
    write_json(path, asdict(state))


def now() -> str:
    """The current time in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
