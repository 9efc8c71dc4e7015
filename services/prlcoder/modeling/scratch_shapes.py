"""The sizes of the presets of ``model.scratch``. This module imports no torch."""

from __future__ import annotations

from typing import Literal

Preset = Literal["nano", "small"]
# 0.38 M and 1.3 M parameters, including the tied embeddings of 400 and 4,096 tokens
SHAPES: dict[Preset, dict[str, int]] = {
    "nano": {"hidden_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 264},
    "small": {"hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 352},
}
