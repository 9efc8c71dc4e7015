"""Models with random weights: the presets of ``model.scratch``."""

from __future__ import annotations

from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from prlcoder.modeling.scratch_shapes import SHAPES, Preset


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
