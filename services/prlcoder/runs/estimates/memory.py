"""Memory of a stage in bytes. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from prlcoder.runs.estimates.shapes import FLOAT32_BYTES, ModelShape

LIBRARY_BYTES: Final = 990 * 2**20
"""Resident memory of a process that has imported torch, transformers and trl and trained a tiny model. Measured: 975 to
997 MiB in every stage of a nano run with 12 problems; 2 cores, 24 GiB, Python 3.11, torch 2.13 for CUDA."""
GPU_CONTEXT_BYTES: Final = 2**30
"""Memory of a CUDA context with cuBLAS; assumed, not measured."""
TRAINED_BYTES: Final = 16
"""Per trained weight: the weight, its gradient and AdamW's two moments, all in float32."""
MIN_CACHE_TOKENS: Final = 64  # policy/kv_cache.py: MIN_CAPACITY
GPU_SIZES_GIB: Final = (16, 24, 40, 48, 80, 141, 192)
USABLE_SHARE: Final = 0.92  # of a GPU; the rest is lost to fragments


@dataclass(frozen=True)
class TrainedWeights:
    """The weights of a model in training: frozen ones below adapters, and trained ones with their optimiser."""

    frozen: int  # bytes
    trained: int  # number of weights

    @property
    def in_memory(self) -> int:
        """With gradients and moments."""
        return self.frozen + TRAINED_BYTES * self.trained

    @property
    def in_checkpoint(self) -> int:
        """Weights and moments of what is trained."""
        return 3 * FLOAT32_BYTES * self.trained

    @property
    def published(self) -> int:
        """The weights that a model folder holds."""
        return FLOAT32_BYTES * self.trained


def trained_weights(shape: ModelShape, *, rank: int | None, frozen_bytes: int, head: bool = True) -> TrainedWeights:
    """All weights, or adapters of ``rank`` on frozen ones of ``frozen_bytes`` each."""
    parameters = shape.parameters - (0 if head else shape.head_parameters)
    if rank is None:
        return TrainedWeights(0, parameters)
    return TrainedWeights(parameters * frozen_bytes, shape.adapter_parameters(rank))


def training_bytes(
    weights: TrainedWeights, shape: ModelShape, tokens: float, *, bf16: bool, recompute: bool, head: bool
) -> int:
    """A training whose forward pass has ``tokens`` tokens. ``head``: the loss needs logits over the vocabulary."""
    per_token = shape.activation_bytes(bf16=bf16, checkpointing=recompute) + (shape.logit_bytes() if head else 0)
    return weights.in_memory + round(tokens * per_token)


def sampling_bytes(shape: ModelShape, rows: int, prompt: float, written: float, *, value_bytes: int) -> int:
    """Keys and values of ``rows`` programs. The buffers double when they are full, and the last copy holds both."""
    capacity = max(MIN_CACHE_TOKENS, 2 * prompt)
    while capacity < prompt + written:
        capacity *= 2
    return round(rows * capacity * shape.cache_bytes(value_bytes)) + rows * shape.vocabulary * FLOAT32_BYTES


def fitting_gpu(required: int) -> str:
    """The smallest usual GPU that holds ``required`` bytes.

    >>> fitting_gpu(60 * 2**30), fitting_gpu(300 * 2**30)
    ('80 GB', 'none')
    """
    for size in GPU_SIZES_GIB:
        if required <= size * USABLE_SHARE * 2**30:
            return f"{size} GB"
    return "none"


def checkpoints(steps: float, save_steps: int, kept: int) -> int:
    """How many checkpoints stand beside each other: one per ``save_steps`` and the last, at most ``kept``."""
    return min(kept, max(1, math.ceil(steps / save_steps)))
