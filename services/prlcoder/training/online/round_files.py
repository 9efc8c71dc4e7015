"""The folder of a round. A round is finished when its record exists, which is written last.

Until then the folder holds the round's pairs and training checkpoints; afterwards the trained weights that the next
round starts from. Both make resuming exact: a killed training goes on from the last checkpoint of the same round, with
the same pairs.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file

from prlcoder.files import atomic_path, write_json
from prlcoder.stages.checkpoints import checkpoint_saved
from prlcoder.supervision.rows import Pair
from prlcoder.training.loop.checkpoints import LATEST
from prlcoder.training.online.round_pairs import RoundPairs

PAIRS: Final = "pairs.json"
WEIGHTS: Final = "weights.safetensors"
RECORD: Final = "round.json"


@dataclass(frozen=True)
class RoundRecord:
    """A finished round: its row of the log, and the entries of its training."""

    row: dict[str, Any]
    history: list[dict[str, Any]]


@dataclass(frozen=True)
class RoundFolder:
    """The folder of the round ``number``, from 1, below the work folder of the training."""

    work: Path
    number: int

    @property
    def path(self) -> Path:
        """The folder itself."""
        return self.work / f"round-{self.number}"

    def record(self) -> RoundRecord | None:
        """The record of the round; None if it is not finished."""
        path = self.path / RECORD
        return RoundRecord(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None

    def pairs(self) -> RoundPairs | None:
        """The pairs of the round; None if they have not been made."""
        path = self.path / PAIRS
        if not path.exists():
            return None
        values = json.loads(path.read_text(encoding="utf-8"))
        rows = [{name: value for name, value in row.items() if name != "id"} for row in values.pop("pairs")]
        return RoundPairs(pairs=[Pair(**row) for row in rows], **values)

    def keep_pairs(self, pairs: RoundPairs) -> None:
        """Write the pairs of the round."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.path / PAIRS, asdict(pairs))

    def finish(self, record: RoundRecord, trained: Mapping[str, torch.Tensor]) -> None:
        """Write the trained weights and the record, and remove the checkpoints of this round and older weights."""
        with atomic_path(self.path / WEIGHTS) as path:
            save_file({name: weight.detach().cpu().contiguous() for name, weight in trained.items()}, path)
        write_json(self.path / RECORD, asdict(record))
        (self.path / LATEST).unlink(missing_ok=True)
        for checkpoint in self.path.glob("checkpoint-*"):
            shutil.rmtree(checkpoint, ignore_errors=True)
        if self.number > 1:
            (RoundFolder(self.work, self.number - 1).path / WEIGHTS).unlink(missing_ok=True)
        checkpoint_saved(self.path.name)

    def restore(self, trained: Mapping[str, torch.Tensor]) -> None:
        """Put the weights of this finished round into the model whose trained weights are given."""
        saved = load_file(self.path / WEIGHTS)
        with torch.no_grad():
            for name, weight in trained.items():
                weight.copy_(saved[name])
