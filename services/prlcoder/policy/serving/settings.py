"""How a policy is served."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from prlcoder.policy.serving.live import LivePolicy

EngineName = Literal["auto", "vllm", "transformers"]


@dataclass(frozen=True)
class PolicySettings:
    """``template`` None is the one that the model was trained with. Both engines write ``max_new_tokens`` at most
    where a request does not say; the others are vLLM's: ``dtype`` by its name, ``max_length`` None for the model's own,
    ``max_adapter_rank`` 0 for no adapters, ``eager`` to start sooner and generate slower, ``memory`` as the share of a
    GPU."""

    model: str
    engine: EngineName = "auto"
    template: str | None = None
    max_new_tokens: int = 512
    dtype: str = "auto"
    max_length: int | None = None
    max_adapter_rank: int = 0
    eager: bool = False
    memory: float = 0.9


async def start(settings: PolicySettings) -> LivePolicy:
    """The engine with its model loaded; ``auto`` is vLLM where it is installed. ``InputError`` if it cannot be."""
    if settings.engine == "vllm" or (settings.engine == "auto" and find_spec("vllm") is not None):
        from prlcoder.policy.serving.vllm_engine import VllmPolicy

        return await VllmPolicy.start(settings)
    from prlcoder.policy.serving.live_transformers import TransformersPolicy

    return await TransformersPolicy.start(settings)
