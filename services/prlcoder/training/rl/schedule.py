"""What an update does when: its problems, its minibatches, its learning rate.

Everything is a pure function of the seed and the number of the update, so that a resumed training repeats it.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from prlcoder.spec import Training

_PROBLEMS: Final = 0  # first number of the seeds that order problems
_MINIBATCHES: Final = 1
_COMPLETIONS: Final = 2


def problem_numbers(count: int, drawn: int, *, seed: int, update: int) -> list[int]:
    """The numbers of the ``drawn`` problems of an update.

    All ``count`` problems come once in a random order, then once in another, and so on; the updates take them in turn.
    """
    first = update * drawn
    orders: dict[int, list[int]] = {}
    numbers = []
    for place in range(first, first + drawn):
        epoch, offset = divmod(place, count)
        if epoch not in orders:
            orders[epoch] = np.random.default_rng((_PROBLEMS, seed % 2**64, epoch)).permutation(count).tolist()
        numbers.append(orders[epoch][offset])
    return numbers


def minibatches(count: int, size: int, *, seed: int, update: int, epoch: int) -> list[list[int]]:
    """The numbers of all ``count`` rollouts in a random order, ``size`` at a time."""
    order = np.random.default_rng((_MINIBATCHES, seed % 2**64, update, epoch)).permutation(count).tolist()
    return [order[start : start + size] for start in range(0, count, size)]


def completion_seed(*, seed: int, update: int) -> int:
    """The first seed of the completions that locate wrong steps in an update's rollouts."""
    return int(np.random.default_rng((_COMPLETIONS, seed % 2**64, update)).integers(2**62))


def learning_rate_share(section: Training, update: int, updates: int) -> float:
    """The learning rate of an update as a share of the peak. It rises over ``warmup_ratio`` of all updates.

    >>> from prlcoder.spec import Policy
    >>> [learning_rate_share(Policy(warmup_ratio=0.5), update, 4) for update in range(4)]
    [0.5, 1.0, 1.0, 0.5]
    """
    warmup = math.ceil(section.warmup_ratio * updates)
    if update < warmup:
        return (update + 1) / warmup
    done = (update - warmup) / max(1, updates - warmup)
    cosine = 0.5 * (1 + math.cos(math.pi * done))
    match section.lr_scheduler:
        case "constant":
            return 1.0
        case "linear":
            return 1 - done
        case "cosine":
            return cosine
        case "cosine_with_min_lr":
            return section.min_lr_ratio + (1 - section.min_lr_ratio) * cosine
