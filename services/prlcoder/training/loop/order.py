"""The order of training examples: a pure function of (seed, epoch), so that a resumed training sees the same order.

Batches are not sorted by length. That would save padding, but a nano base model trained in that order solved far fewer
problems.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler


class ShuffledOrder(Sampler[int]):
    """All ``count`` examples once per epoch, in an order that depends on seed and epoch alone."""

    def __init__(self, count: int, *, seed: int) -> None:
        self._count, self._seed = count, seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the training loop before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng((self._seed, self._epoch))
        return iter(random.permutation(self._count).tolist())
