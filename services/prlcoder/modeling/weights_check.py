"""Decides whether a checkpoint can replace another in an engine that loads weights over its own.

The check runs before anything is overwritten. It reads configurations and tensor headers, and no weights.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prlcoder.errors import InputError
from prlcoder.modeling.configs import load_config
from prlcoder.modeling.model_source import unloadable
from prlcoder.modeling.safetensors_check import Shapes, read_shapes

# Fields that say where a configuration came from; they do not change the model.
_PROVENANCE_FIELDS = frozenset({"_name_or_path", "transformers_version", "dtype", "torch_dtype", "use_cache"})


def local_folder(uri: str) -> Path:
    """The folder of a checkpoint; a hub id is downloaded first. Raises ``InputError`` if it cannot be found."""
    if Path(uri).is_dir():
        return Path(uri)
    if uri.startswith(("/", ".")):
        raise InputError(f"uri: {uri} is not a folder that this server can read; check the path and its mounts")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(uri))
    except Exception as error:  # the hub's client raises many kinds
        raise unloadable("model", uri, error) from error


def require_same_architecture(present: Path, other: Path) -> None:
    """Raises ``InputError`` unless both checkpoints have equal configurations and equal tensor names and shapes."""
    ours, theirs = _config(present), _config(other)
    if ours != theirs:  # the same model may be written by two releases of transformers, with other names of fields
        ours, theirs = _resolved(present), _resolved(other)
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            raise InputError(
                f"model {other}: {name} is {theirs.get(name)!r}, but the served model has {ours.get(name)!r}; "
                "start a server for another architecture"
            )
    if difference := set(_shapes(present).items()) ^ set(_shapes(other).items()):
        name = sorted(difference)[0][0]
        raise InputError(
            f"model {other}: the tensor {name} differs from the served model's; give a complete checkpoint"
        )


def _config(folder: Path) -> dict[str, Any]:
    try:
        read: dict[str, Any] = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError) as error:
        raise unloadable("model", str(folder), error) from error
    return {name: value for name, value in read.items() if name not in _PROVENANCE_FIELDS}


def _resolved(folder: Path) -> dict[str, Any]:
    """The configuration as this release of ``transformers`` reads it."""
    values = load_config(str(folder)).to_dict()
    return {name: value for name, value in values.items() if name not in _PROVENANCE_FIELDS}


def _shapes(folder: Path) -> Shapes:
    """The shapes of all tensors of a checkpoint. Each file must be as long as its header says."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise InputError(f"model {folder}: contains no .safetensors file; save the model with save_pretrained")
    return {name: shape for file in files for name, shape in read_shapes(file).items()}
