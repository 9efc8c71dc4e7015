"""Which checkpoints may replace each other in a running engine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from prlcoder.errors import InputError
from prlcoder.modeling.weights_check import require_same_architecture

pytestmark = pytest.mark.needs_torch


def rewritten(folder: Path, made: Path, theta: float) -> Path:
    """The checkpoint with its configuration as older releases of ``transformers`` wrote it."""
    shutil.copytree(folder, made)
    file = made / "config.json"
    values: dict[str, Any] = json.loads(file.read_text())
    del values["rope_parameters"]
    file.write_text(json.dumps({**values, "rope_theta": theta, "rope_scaling": None}))
    return made


def test_one_model_written_by_two_releases_is_the_same(policies: dict[str, Path], tmp_path: Path) -> None:
    first = policies["first"]
    theta = json.loads((first / "config.json").read_text())["rope_parameters"]["rope_theta"]
    require_same_architecture(rewritten(first, tmp_path / "older", theta), first)
    with pytest.raises(InputError, match=r"rope_parameters is .* but the served model has"):
        require_same_architecture(rewritten(first, tmp_path / "other", theta / 2), first)
    with pytest.raises(InputError, match=r"hidden_size is 128, but the served model has 64"):
        require_same_architecture(first, policies["wider"])
