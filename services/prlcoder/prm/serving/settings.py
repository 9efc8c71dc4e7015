"""How a reward model is served."""

from __future__ import annotations

from dataclasses import dataclass

from prlcoder.prm.serving.batching import MAX_DELAY_S

MAX_PREFIX_TOKENS = 32768  # of read programs; a 0.5 B model keeps 24 KiB a token in float32


@dataclass(frozen=True)
class PrmSettings:
    """``template`` None is the one that the model was trained with. ``batch_tokens`` bounds a pass over the model,
    padding included; None is what suits the device. ``kept_tokens`` bounds what is kept of programs that were read, for
    those that grow; 0 keeps nothing."""

    model: str
    template: str | None = None
    batch_tokens: int | None = None
    batch_delay_s: float = MAX_DELAY_S
    kept_tokens: int = MAX_PREFIX_TOKENS
