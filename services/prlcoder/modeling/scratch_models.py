"""Models with random weights: the presets of ``model.scratch``."""

from __future__ import annotations

from typing import Any, Literal

import torch
from transformers import LlamaConfig, LlamaForCausalLM

Preset = Literal["nano", "small"]
# 0.38 M and 1.3 M parameters, including the tied embeddings of 400 and 4,096 tokens
SHAPES: dict[Preset, dict[str, int]] = {
    "nano": {"hidden_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 264},
    "small": {"hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 352},
}


def build(preset: Preset, tokenizer: Any, *, seed: int, max_length: int) -> LlamaForCausalLM:
    """A Llama with tied embeddings for this tokenizer. The same seed gives the same weights."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=max_length,
        tie_word_embeddings=True,
        attention_dropout=0.0,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        **SHAPES[preset],
    )
    return LlamaForCausalLM(config)
