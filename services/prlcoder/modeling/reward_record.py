"""What a trained reward model's folder says about itself: its kind, and the calibration that its head contains."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from prlcoder.errors import InputError
from prlcoder.files import write_json
from prlcoder.modeling.model_source import ModelSource

FILE: Final = "reward_model.json"  # written beside the weights by the stage `reward`

RewardKind = Literal["prm", "orm"]


@dataclass(frozen=True)
class RewardRecord:
    """``kind`` is None for a model from elsewhere. ``temperature`` and ``offset`` are None without calibration.

    The calibrated log-odds are ``(odds + offset) / temperature``. The head already computes them.
    """

    kind: RewardKind | None = None
    temperature: float | None = None
    offset: float | None = None

    @classmethod
    def of(cls, path: str) -> RewardRecord:
        """The record of a model folder; an empty one for a hub id and a folder without such a file.

        Raises ``InputError`` for a file that is not a record.
        """
        folder = ModelSource.of(path).folder
        file = None if folder is None else folder / FILE
        if file is None or not file.is_file():
            return cls()
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
            return cls(values["kind"], values["temperature"], values["offset"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{file}: is not a reward model's record ({error}); restore it or remove it") from None

    def write(self, folder: Path) -> None:
        """Write the record into a model folder."""
        write_json(folder / FILE, asdict(self))


def require_kind(path: str, wanted: RewardKind, field: str) -> None:
    """``InputError`` if the reward model at ``path`` says that it is of the other kind. ``field`` is in the message."""
    kind = RewardRecord.of(path).kind
    if kind not in (None, wanted):
        raise InputError(f"{field}: {path} is a reward model of the kind {kind}, not {wanted}; give one of this kind")
