"""How fast the named hardware computes. Rates of CPUs are measured; those of GPUs are a share of the vendor's peak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from prlcoder.spec.cluster import StagePods

GPU_RESOURCE: Final = "nvidia.com/gpu"
GPU_PRODUCT_LABEL: Final = "nvidia.com/gpu.product"  # of the NVIDIA GPU feature discovery

PEAK_FLOPS: Final[Mapping[str, float]] = {
    "H200": 989e12,
    "H100": 989e12,
    "A800": 312e12,
    "A100": 312e12,
    "L40S": 362e12,
    "A10": 125e12,
    "L4": 121e12,
}
"""Dense bfloat16 operations per second, as the vendor states them, by a part of the product's name."""
TRAINING_SHARE: Final = 0.3  # of the peak; assumed, not measured
SAMPLING_SHARE: Final = 0.02  # of the peak, because sampling waits for memory; assumed, not measured

CPU_TRAINING_FLOPS: Final = 27e9
"""Measured: the quickstart trains 12,100 tokens per second of a model of 0.377 million weights, 6 operations per weight
and token; 2 idle cores, one thread of torch, commit fe95f86."""
CPU_SAMPLING_FLOPS: Final = 8e9
"""Measured: the quickstart samples 10,600 tokens per second of the same model, 2 operations per weight and token."""


@dataclass(frozen=True)
class Hardware:
    """What a stage runs on. Rates are operations per second of all processes together; None if they are not known."""

    name: str
    gpus: int
    training_flops: float | None
    sampling_flops: float | None
    how: str


def hardware_of(settings: StagePods) -> Hardware:
    """The hardware that a stage's ``resources`` and ``nodeSelector`` name; without a GPU it is this machine."""
    gpus = int(settings.resources.limits.get(GPU_RESOURCE, 0)) * settings.nodes
    if not gpus:
        how = "measured rates of two CPU cores with a tiny model"
        return Hardware("CPU", 0, CPU_TRAINING_FLOPS, CPU_SAMPLING_FLOPS, how)
    product = settings.node_selector.get(GPU_PRODUCT_LABEL, "")
    peak = next((flops for name, flops in PEAK_FLOPS.items() if name in product), None)
    if peak is None:
        named = f"stages.*.nodeSelector does not name a known `{GPU_PRODUCT_LABEL}`"
        return Hardware(f"{gpus} GPU", gpus, None, None, f"unknown: {named}")
    how = f"{TRAINING_SHARE:.0%} of the vendor's peak for training and {SAMPLING_SHARE:.0%} for sampling (assumed)"
    return Hardware(f"{gpus} x {product}", gpus, TRAINING_SHARE * peak * gpus, SAMPLING_SHARE * peak * gpus, how)
