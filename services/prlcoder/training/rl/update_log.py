"""The log of the updates: ``updates.jsonl`` and ``rollouts.jsonl``, which the report draws, and TensorBoard."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from prlcoder.files import atomic_output, parse_object
from prlcoder.training.rl.shown_rollouts import ROLLOUTS_FILE

if TYPE_CHECKING:
    from prlcoder.training.loop.job import Job

UPDATES_FILE: Final = "updates.jsonl"


class UpdateLog:
    """One row per update, appended when the update has ended. ``rows`` are all rows so far."""

    def __init__(self, job: Job, finished: int) -> None:
        """Keep the rows of the first ``finished`` updates. Later ones belong to updates that are made again."""
        job.work.mkdir(parents=True, exist_ok=True)
        self._path, self._rollouts = job.work / UPDATES_FILE, job.work / ROLLOUTS_FILE
        self.rows = kept_rows(self._path, finished)
        kept_rows(self._rollouts, finished)
        self._board: Any = None
        if "tensorboard" in job.report_to:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(job.work / "tensorboard"), purge_step=finished + 1)

    def add(self, row: Mapping[str, Any], rollouts: Sequence[Mapping[str, Any]] = ()) -> None:
        """Append the row of one update, and the rollouts of it that the report shows."""
        self.rows.append(dict(row))
        _append(self._rollouts, rollouts)
        _append(self._path, [row])
        if self._board is not None:
            for name, value in flat(row):
                self._board.add_scalar(name, value, row["update"])

    def close(self) -> None:
        """Write what TensorBoard has not written yet."""
        if self._board is not None:
            self._board.close()


def kept_rows(path: Path, finished: int) -> list[dict[str, Any]]:
    """Cut a log after the first ``finished`` updates, and return the rows that stay."""
    rows = [row for row in complete_rows(path) if row["update"] <= finished]
    with atomic_output(path) as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return rows


def _append(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def complete_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a log. A kill may have left a part of a row at the end, which is left out."""
    if path.exists():
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        yield from (parse_object(path, number, line) for number, line in enumerate(lines, start=1))


def flat(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """The numbers of a row by name; those of an inner object after its name and a slash.

    >>> list(flat({"kl": 0.1, "phase": "policy", "rewards": {"verdict": 0.5}}))
    [('kl', 0.1), ('rewards/verdict', 0.5)]
    """
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}/")
        elif isinstance(value, int | float):
            yield f"{prefix}{name}", float(value)
