"""The order in which examples are seen: a pure function of (seed, epoch), so that a resumed run sees the same one.

Batches are not sorted by length: that saves padding, but a nano base model trained so solved far fewer problems
(docs/results.md).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler


class ShuffledOrder(Sampler[int]):
    """All ``count`` examples once an epoch, shuffled by seed and epoch alone."""

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
