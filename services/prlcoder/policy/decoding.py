"""Runs one batch through a causal model token by token, and chooses each next token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from prlcoder.policy.kv_cache import RoomyCache
from prlcoder.policy.sampling import Sampling

Numbers = np.ndarray[Any, Any]


class Decoding:
    """A batch of left-padded rows: their cache, their mask, and the logits of their next tokens.

    ``logits`` has the shape ``(rows, vocabulary)``. Rows are padded on the left so that the newest token of every row
    stands in the same column, where the next one is appended.
    """

    def __init__(self, model: Any, prompts: Sequence[list[int]], pad: int) -> None:
        self._model = model
        self.logits: torch.Tensor
        width = max(map(len, prompts))
        padded = [[pad] * (width - len(ids)) + ids for ids in prompts]
        seen = [[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts]
        self._mask = torch.tensor(seen, device=model.device)
        self._lengths = self._mask.sum(1)
        self._cache = RoomyCache(model.config)
        # A mixture of experts that was just trained may ask for its balancing loss, which fits no cached pass.
        router = hasattr(model.config.get_text_config(), "output_router_logits")
        self._options = {"output_router_logits": False} if router else {}
        positions = (self._mask.cumsum(1) - 1).clamp(min=0)  # padding does not count; its own positions are unused
        self._forward(torch.tensor(padded, device=model.device), positions)

    def take(self, rows: torch.Tensor) -> None:
        """Keep these rows, in this order. A row may occur several times: one read prompt starts all of its samples."""
        rows = rows.to(self._mask.device)
        self._mask, self._lengths, self.logits = self._mask[rows], self._lengths[rows], self.logits[rows]
        self._cache.take(rows)

    def advance(self, tokens: torch.Tensor) -> None:
        """Append one token to each row and compute the logits that follow it."""
        self._mask = torch.cat([self._mask, self._mask.new_ones((len(tokens), 1))], dim=1)
        positions = self._lengths[:, None]  # without the padding, so a row's result does not depend on its batch
        self._lengths = self._lengths + 1
        self._forward(tokens[:, None], positions)

    def _forward(self, tokens: torch.Tensor, positions: torch.Tensor) -> None:
        output = self._model(
            input_ids=tokens,
            attention_mask=self._mask,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            **self._options,
            logits_to_keep=1,  # the logits of a whole prompt would need prompt length x vocabulary floats
        )
        self.logits = output.logits[:, -1]


def uniforms(keys: Sequence[tuple[int, int]], seed: int, steps: int) -> Numbers:
    """Uniform numbers in [0, 1), ``(rows, steps)``, one row per (prompt, sample) of ``keys``.

    They depend on the seed and the key only, and not on the batch, so that a sample can be drawn again alone.
    """
    return np.stack([np.random.default_rng((seed, *key)).random(steps) for key in keys])


def choose(logits: torch.Tensor, sampling: Sampling, chances: Numbers | None) -> torch.Tensor:
    """The next token of each row, ``(rows,)``.

    Without ``chances`` it is the likeliest token. Otherwise it is the first token at which the cumulative probability
    exceeds the row's number in ``chances``, which is sampling by inversion.
    """
    if chances is None:
        return logits.argmax(dim=-1)
    # Double precision: in float32 the cumulative sum over 150,000 tokens is off by more than the rarest tokens have.
    probabilities = restricted(torch.softmax(logits.double() / sampling.temperature, dim=-1), sampling)
    cumulative = probabilities.cumsum(dim=-1)
    # ``restricted`` does not normalise, so the target is a share of the total and not of 1.
    targets = torch.from_numpy(chances).to(logits.device)[:, None] * cumulative[:, -1:]
    # Rounding may put a target at the total itself, behind the last token; ``clamp`` brings it back.
    return torch.searchsorted(cumulative, targets, right=True)[:, 0].clamp(max=logits.shape[-1] - 1)


def restricted(probabilities: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Probabilities ``(rows, vocabulary)`` with 0 for the tokens that ``top_k`` and ``top_p`` exclude; not normalised.

    First only the ``top_k`` likeliest tokens stay. Of these, only the fewest stay that together have ``top_p`` of the
    remaining probability. The likeliest token always stays.

    >>> restricted(torch.tensor([[0.1, 0.4, 0.2, 0.3]]), Sampling(top_k=3, top_p=0.6))
    tensor([[0.0000, 0.4000, 0.0000, 0.3000]])
    """
    if sampling.top_k == 0 and sampling.top_p == 1:
        return probabilities
    ordered, order = probabilities.sort(dim=-1, descending=True)
    if sampling.top_k:
        ordered[:, sampling.top_k :] = 0
    before = ordered.cumsum(dim=-1) - ordered  # probability of all likelier tokens: 0 for the likeliest
    ordered = ordered.masked_fill(before >= sampling.top_p * ordered.sum(dim=-1, keepdim=True), 0)
    return torch.zeros_like(probabilities).scatter(-1, order, ordered)
