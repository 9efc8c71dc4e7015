"""Writes the weights of a policy in training for a policy service, one folder per version.

A folder has its name only once it is complete, so that a service never reads half of it. No name is used twice, so that
a name stands for one content, also after a training was killed and runs again.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from prlcoder.files import write_json

FOLDER: Final = ".weights"  # in a stage's work folder; names with a dot are not copied to an object store


@dataclass(frozen=True)
class WeightsFolder:
    """``model`` is the policy in training, possibly with adapters; whole models are written in ``dtype``."""

    path: Path
    model: Any
    tokenizer: Any
    dtype: torch.dtype

    @property
    def has_adapter(self) -> bool:
        """Whether the policy trains adapters and not whole weights."""
        return hasattr(self.model, "peft_config")

    def write(self, version: int, *, adapter: bool) -> Path:
        """Write the present weights, which have had ``version`` updates, as a folder of ``transformers`` or, with
        ``adapter``, of PEFT. Returns the folder's absolute path."""
        name = f"{version}-{uuid.uuid4().hex[:8]}"
        folder, unfinished = self.path.resolve() / name, self.path.resolve() / f".{name}.tmp"
        unfinished.mkdir(parents=True)
        if adapter:
            self.model.save_pretrained(unfinished)
        else:
            self._write_whole(unfinished)
        self.tokenizer.save_pretrained(unfinished)
        unfinished.rename(folder)
        return folder

    def _write_whole(self, folder: Path) -> None:
        model = self.model.get_base_model() if self.has_adapter else self.model
        weights = merged_weights(self.model) if self.has_adapter else model.state_dict()
        model.save_pretrained(folder, state_dict=_converted(weights, self.dtype))
        config = folder / "config.json"
        values = json.loads(config.read_text(encoding="utf-8"))
        write_json(config, {**values, "dtype": str(self.dtype).removeprefix("torch.")})

    def remove_others(self, kept: Path) -> None:
        """Remove all other versions, and what killed processes have left."""
        for folder in self.path.iterdir():
            if folder.name != kept.name:
                shutil.rmtree(folder, ignore_errors=True)


def merged_weights(model: Any) -> dict[str, torch.Tensor]:
    """The weights of a model of PEFT with its adapters added, under the names that they have without adapters. The
    model stays as it is."""
    from peft.tuners.lora import LoraLayer

    base = model.get_base_model()
    layers = {name: module for name, module in base.named_modules() if isinstance(module, LoraLayer)}
    merged = {}
    for name, weight in base.state_dict().items():
        owner = next((layer for layer in layers if name.startswith(f"{layer}.")), None)
        if owner is None:
            merged[name] = weight
        elif name.startswith(f"{owner}.base_layer."):
            field = name.removeprefix(f"{owner}.base_layer.")
            change = layers[owner].get_delta_weight("default").detach() if field == "weight" else 0.0
            merged[f"{owner}.{field}"] = (weight + change).to(weight.dtype)
    return merged


def _converted(weights: Mapping[str, torch.Tensor], dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """The weights in another type. Names that share one tensor still share one."""
    found: dict[tuple[int, torch.Size], torch.Tensor] = {}
    converted = {}
    for name, weight in weights.items():
        key = weight.data_ptr(), weight.shape
        if key not in found:
            found[key] = weight.detach().to(dtype) if weight.is_floating_point() else weight
        converted[name] = found[key]
    return converted
