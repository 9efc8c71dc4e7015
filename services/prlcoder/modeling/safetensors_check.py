"""Reads the headers of ``.safetensors`` files, and compares the shapes in them with those of the configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from prlcoder.errors import InputError
from prlcoder.modeling.configs import unloaded_model
from prlcoder.modeling.model_source import ModelSource, file_damage

LENGTH_BYTES: Final = 8  # a safetensors file begins with the length of its header, little-endian
MAX_HEADER_BYTES: Final = 100 << 20
_HEAD_FIELDS: Final = ("num_attention_heads", "num_key_value_heads")
_PROJECTION: Final = re.compile(r"\b[qkvo]_proj\b")
_LAYER: Final = re.compile(r"\b(?:layers|h|blocks)\.(\d+)\.")

Shapes = dict[str, tuple[int, ...]]  # tensor name -> shape


def read_shapes(file: Path) -> Shapes:
    """The shapes of all tensors of a file. Raises ``InputError`` if the file is truncated or damaged."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(LENGTH_BYTES), "little")
        if not 0 < length <= min(size - LENGTH_BYTES, MAX_HEADER_BYTES):
            raise InputError(file_damage(file, "has no safetensors header"))
        try:
            header: dict[str, Any] = json.loads(opened.read(length))
        except ValueError as error:
            raise InputError(f"{file}: its header is damaged; download the file again") from error
    header.pop("__metadata__", None)
    expected = LENGTH_BYTES + length + max((one["data_offsets"][1] for one in header.values()), default=0)
    if expected != size:
        raise InputError(
            f"{file}: is truncated or damaged: its header describes {expected:,} bytes and the file has {size:,}; "
            "download it again"
        )
    return {name: tuple(one["shape"]) for name, one in header.items()}


def check_shapes(source: ModelSource, folder: Path, config: Any, kind: Any, found: Shapes) -> None:
    """Raises ``InputError`` for tensors of another shape, and for layers more or fewer, than the configuration says.

    ``kind`` is the class that reads the files, and ``found`` are the shapes in them. Whatever the family's classes
    raise for an invalid configuration passes.
    """
    stated = source.read_json("config.json") or {}
    expected, ignored = _expected_shapes(config, kind)
    for name in sorted(expected.keys() & found.keys()):
        if expected[name] != found[name]:
            field = _field_of(config, stated, name, expected[name], found[name])
            raise InputError(
                f"{folder / 'config.json'}: {field}the configuration makes {name} {list(expected[name])}, but the "
                f"weights have {list(found[name])}; give the config.json that belongs to these weights"
            )
    layers = getattr(config.get_text_config(), "num_hidden_layers", None)
    for name in sorted(found.keys() - expected.keys()):
        layer = _LAYER.search(name)
        if layer and layers is not None and int(layer[1]) >= layers and not any(p.search(name) for p in ignored):
            raise InputError(
                f"{folder / 'config.json'}: num_hidden_layers: is {layers}, but the weights contain {name}; give the "
                "config.json that belongs to these weights"
            )
    if missing := _missing_layers(expected, found):
        said = _stated("num_hidden_layers", layers, stated)
        raise InputError(
            f"{folder / 'config.json'}: num_hidden_layers: {said}, but the weights lack {missing}; give the "
            "config.json that belongs to these weights, or download them completely"
        )


def _missing_layers(expected: Mapping[str, object], found: Mapping[str, object]) -> str | None:
    """The first tensor of a layer of which the files have no tensor at all, if they name tensors as the model does."""
    if not expected.keys() & found.keys():
        return None
    present = {layer[0] for name in found if (layer := _LAYER.search(name))}
    return next((name for name in sorted(expected) if (layer := _LAYER.search(name)) and layer[0] not in present), None)


def _expected_shapes(config: Any, kind: Any) -> tuple[Shapes, list[re.Pattern[str]]]:
    """Shapes by name of the model that the configuration describes, made without memory for weights; and the names
    that the model's loader ignores."""
    import torch

    with torch.device("meta"):
        model = unloaded_model(kind, config)
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    ignored = getattr(model, "_keys_to_ignore_on_load_unexpected", None) or []
    return shapes, [re.compile(pattern) for pattern in ignored]


def _field_of(
    config: Any, stated: Mapping[str, Any], tensor: str, expected: tuple[int, ...], found: tuple[int, ...]
) -> str:
    """The fields of the configuration that a differing size comes from: the numbers of heads for a projection of an
    attention, else one that has just this value. ``stated`` are the values of the file."""
    values = config.get_text_config().to_dict()
    if _PROJECTION.search(tensor) and all(name in values for name in _HEAD_FIELDS):
        shown = " and ".join(f"{name}: {_stated(name, values[name], stated)}" for name in _HEAD_FIELDS)
        return f"{shown}; "
    for ours, theirs in zip(expected, found, strict=False):
        if ours != theirs:
            named = [name for name in ("vocab_size", "hidden_size", "intermediate_size") if values.get(name) == ours]
            return f"{named[0]}: {_stated(named[0], ours, stated)}; " if named else ""
    return ""


def _stated(field: str, value: object, stated: Mapping[str, Any]) -> str:
    """What ``config.json`` says about a field that has this value."""
    if field in {*stated, *stated.get("text_config", {})}:
        return f"is {value}"
    return f"is missing, and the family's default is {value}"
