"""Log-probabilities of tokens from logits, as pure functions."""

from __future__ import annotations

import torch


def in_full(logits: torch.Tensor) -> torch.Tensor:
    """The logits in float32 at least. Half precision has too few digits for a sum over hundreds of
    log-probabilities."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def token_logps(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """``log p(target | tokens before it)`` of each of the ``targets`` ``(R, K)``, which ``logits`` ``(R, K, V)``
    predict."""
    scores = in_full(logits)
    return scores.gather(-1, targets[..., None])[..., 0] - scores.logsumexp(-1)


def span_sums(logps: torch.Tensor, span_ids: torch.Tensor, spans: int) -> torch.Tensor:
    """Sum of the log-probabilities ``(R, K)`` over each span, ``(spans,)``.

    ``span_ids`` ``(R, K)`` holds the number of the span that a token belongs to; a negative number means none.
    """
    counted = span_ids >= 0
    return logps.new_zeros(spans).index_add(0, span_ids[counted], logps[counted])
