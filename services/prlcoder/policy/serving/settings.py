"""Settings of a policy's server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EngineName = Literal["auto", "vllm", "transformers"]


@dataclass(frozen=True)
class PolicySettings:
    """``template=None`` means the template that the model was trained with. ``max_new_tokens`` bounds samples of
    requests that set no bound. The other fields are for vLLM only: ``dtype`` is a name such as ``bfloat16``;
    ``max_length=None`` means the model's own context; ``max_adapter_rank=0`` refuses adapters; ``eager`` starts sooner
    and generates more slowly; ``memory`` is the share of a GPU's memory."""

    model: str
    engine: EngineName = "auto"
    template: str | None = None
    max_new_tokens: int = 512
    dtype: str = "auto"
    max_length: int | None = None
    max_adapter_rank: int = 0
    eager: bool = False
    memory: float = 0.9
