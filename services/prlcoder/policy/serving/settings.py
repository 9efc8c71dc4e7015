"""How a policy is served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
