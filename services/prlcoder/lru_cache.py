"""A bounded mapping that drops what was used least recently."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class LruCache(Generic[K, V]):
    """At most ``capacity`` values; with a capacity of 0 nothing is kept. For one thread.

    >>> squares = LruCache[int, int](capacity=2)
    >>> [squares.get_or_make(number, lambda number=number: number**2) for number in (1, 2, 1, 3)]
    [1, 4, 1, 9]
    >>> 1 in squares, 2 in squares, len(squares)
    (True, False, 2)
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value of ``key``, which becomes the most recently used; None if the cache does not hold it."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> None:
        """Keep ``value`` as the most recently used one."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self.capacity:
            self._values.popitem(last=False)

    def get_or_make(self, key: K, make: Callable[[], V]) -> V:
        """The value of ``key``, made and kept if the cache does not hold it. If ``make`` raises, nothing is kept."""
        value = self.get(key)
        if value is None:
            value = make()
            self.put(key, value)
        return value

    def __contains__(self, key: object) -> bool:
        """Whether the cache holds ``key``. Asking is not using."""
        return key in self._values

    def __len__(self) -> int:
        return len(self._values)
