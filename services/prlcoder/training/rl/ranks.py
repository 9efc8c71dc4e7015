"""The processes of one training, as ``torchrun`` starts them.

Each process samples, executes and scores a contiguous share of an update's problems, and computes a share of the
gradients. Everything in between is computed by all of them from the same rollouts. A sum over all processes divided by
global counts is what one process would compute, so their number changes nothing but the order of additions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import distributed

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """This process, number ``rank`` of ``count``. A training in one process needs no process group."""

    rank: int = 0
    count: int = 1

    @classmethod
    def started(cls) -> Ranks:
        """The processes that ``torchrun`` has started, joined in a group; a single one without it."""
        from accelerate import PartialState

        state = PartialState(cpu=not torch.cuda.is_available())
        return cls(state.process_index, state.num_processes)

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")

    def share(self, count: int) -> range:
        """The numbers of this process among ``count`` pieces of work, contiguous.

        >>> [list(Ranks(rank, 2).share(5)) for rank in range(2)]
        [[0, 1, 2], [3, 4]]
        """
        each, more = divmod(count, self.count)
        first = self.rank * each + min(self.rank, more)
        return range(first, first + each + (self.rank < more))

    def gathered(self, own: Sequence[T]) -> list[T]:
        """The items of all processes, in the order of the processes."""
        if self.count == 1:
            return list(own)
        parts: list[Any] = [None] * self.count
        distributed.all_gather_object(parts, list(own))
        return [item for part in parts for item in part]

    def any(self, flag: bool) -> bool:
        """Whether it is true in any process."""
        return any(self.gathered([flag]))

    def add_gradients(self, weights: Iterable[torch.Tensor]) -> None:
        """Replace each gradient by the sum over all processes. A process without a share of a step adds zeros."""
        if self.count == 1:
            return
        for weight in weights:
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
            distributed.all_reduce(weight.grad)
