"""Settings of a reward model's server."""

from __future__ import annotations

from dataclasses import dataclass

from prlcoder.prm.serving.batching import MAX_DELAY_S

MAX_PREFIX_TOKENS = 32768  # in the prefix cache; a 0.5 B model needs 24 KiB per token in float32


@dataclass(frozen=True)
class PrmSettings:
    """``template=None`` means the template that the model was trained with. ``batch_tokens`` bounds the tokens of a
    pass over the model, padding included; None means a bound that suits the device. ``kept_tokens`` bounds the prefix
    cache, which speeds up programs that are scored again after they have grown; 0 turns it off."""

    model: str
    template: str | None = None
    batch_tokens: int | None = None
    batch_delay_s: float = MAX_DELAY_S
    kept_tokens: int = MAX_PREFIX_TOKENS
