"""Whether a checkpoint can take the place of another in an engine that loads weights over its own: looked at before
anything is overwritten. Reads configurations and tensor headers, no weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prlcoder.errors import InputError
from prlcoder.modeling.checkpoints import unloadable

# What a configuration says about where it came from, not about the model.
_IMMATERIAL = frozenset({"_name_or_path", "transformers_version", "dtype", "torch_dtype", "use_cache"})

Shapes = dict[str, tuple[int, ...]]


def local_folder(uri: str) -> Path:
    """The folder of a checkpoint; a hub id is fetched. ``InputError`` if there is none."""
    if Path(uri).is_dir():
        return Path(uri)
    if uri.startswith(("/", ".")):
        raise InputError(f"uri: {uri} is not a folder that this server can read; check the path and its mounts")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(uri))
    except Exception as error:  # every kind that the hub's client raises
        raise unloadable("model", uri, error) from error


def require_same_architecture(present: Path, other: Path) -> None:
    """``InputError`` unless ``other`` has the configuration and the tensors, by name and shape, of ``present``."""
    ours, theirs = _config(present), _config(other)
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            raise InputError(
                f"model {other}: {name} is {theirs.get(name)!r} and not {ours.get(name)!r} as in the served model; "
                "start a server for another architecture"
            )
    if difference := set(_shapes(present).items()) ^ set(_shapes(other).items()):
        name = sorted(difference)[0][0]
        raise InputError(f"model {other}: the tensor {name} is not as in the served model; give a complete checkpoint")


def _config(folder: Path) -> dict[str, Any]:
    try:
        read: dict[str, Any] = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError) as error:
        raise unloadable("model", str(folder), error) from error
    return {name: value for name, value in read.items() if name not in _IMMATERIAL}


def _shapes(folder: Path) -> Shapes:
    """All tensors of a checkpoint. safetensors checks that each file is as long as its header says."""
    from safetensors import safe_open

    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise InputError(f"model {folder}: holds no .safetensors; save the model with save_pretrained")
    shapes: Shapes = {}
    for file in files:
        try:
            with safe_open(file, framework="pt") as tensors:
                shapes.update({name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()})  # noqa: SIM118
        except Exception as error:  # SafetensorError is not exported under a stable name
            raise unloadable("model", str(file), error) from error
    return shapes
