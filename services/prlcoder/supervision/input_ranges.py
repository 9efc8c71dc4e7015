"""What the values at one place of a problem's tests have in common: types, ranges, sizes, characters, order.

A generated input has to lie in the envelope of the given ones, place by place; what a problem promises of its inputs
(sorted, distinct, a matrix, lower-case letters) is mostly seen there. What it promises beyond that is not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

TUPLE_LIKE: Final = 4  # a list with never more items than this, and always as many, is a record: [start, end]
_SCALARS: Final = (bool, int, float, complex, str, bytes, type(None))
_RUN: Final = re.compile(r"(.)\1*", re.DOTALL)


@dataclass(frozen=True)
class Envelope:
    """``low`` to ``high`` hold the numbers, ``sizes`` the lengths, ``items`` a container's values merged (of a dict the
    values, ``keys`` its keys), ``fields`` the values of a record by position."""

    kinds: frozenset[type]
    low: float = math.inf
    high: float = -math.inf
    sizes: tuple[int, int] = (0, 0)
    alphabet: str = ""
    skeletons: frozenset[str] = frozenset()
    leading_zero: bool = True
    orders: frozenset[str] = frozenset()
    items: Envelope | None = None
    keys: Envelope | None = None
    fields: tuple[Envelope, ...] | None = None
    values: tuple[Any, ...] = ()  # distinct ones as given, to draw from

    def admits(self, value: Any) -> bool:
        """Whether ``value`` lies within."""
        kind = type(value)
        if kind not in self.kinds:
            return False
        if kind in (int, float):
            return bool(self.low <= value <= self.high)
        if kind is str:
            return self._admits_text(value)
        if kind in (list, tuple, dict, set, frozenset):
            return self._admits_container(value)
        return any(value == given and type(given) is kind for given in self.values)

    def _admits_text(self, value: str) -> bool:
        return (
            self.sizes[0] <= len(value) <= self.sizes[1]
            and set(value) <= set(self.alphabet)
            and skeleton(value) in self.skeletons
            and (self.leading_zero or not _has_leading_zero(value))
        )

    def _admits_container(self, value: Any) -> bool:
        if not self.sizes[0] <= len(value) <= self.sizes[1]:
            return False
        if isinstance(value, dict):
            return all(map(_admits(self.keys), value)) and all(map(_admits(self.items), value.values()))
        if self.fields is not None:
            fit = all(part.admits(item) for part, item in zip(self.fields, value, strict=True))
            return fit and self._ordered(value)
        return all(map(_admits(self.items), value)) and self._ordered(value)

    def _ordered(self, value: Any) -> bool:
        return isinstance(value, (set, frozenset)) or all(_ORDERS[name](value) for name in self.orders)


def _admits(envelope: Envelope | None) -> Callable[[Any], bool]:
    """``envelope.admits``; where no container had items there is no envelope, and nothing is admitted."""
    return (lambda _: False) if envelope is None else envelope.admits


def skeleton(text: str) -> str:
    """The form of a text: a run of letters is ``a``, of digits ``9``, of other characters itself (``9-9``, ``a a``).

    >>> skeleton("2026-11-21 x"), skeleton("(())")
    ('9-9-9 a', '(())')
    """
    coarse = "".join("a" if character.isalpha() else "9" if character.isdigit() else character for character in text)
    return _RUN.sub(lambda run: run[1] if run[1] in "a9" else run[0], coarse)


def _has_leading_zero(text: str) -> bool:
    return len(text) > 1 and text[0] == "0"


def describe(values: Sequence[Any]) -> Envelope:
    """The envelope of at least one value."""
    numbers = [value for value in values if type(value) in (int, float) and value == value]
    texts = [value for value in values if type(value) is str]
    sized = [value for value in values if isinstance(value, (str, bytes, list, tuple, dict, set, frozenset))]
    lists = [value for value in values if isinstance(value, (list, tuple))]
    dicts = [value for value in values if isinstance(value, dict)]
    fields = _fields(lists) if lists and len(lists) == len(sized) else None
    items = [item for value in sized if not isinstance(value, (str, bytes)) for item in _items(value)]
    return Envelope(
        kinds=frozenset(map(type, values)),
        low=min(numbers, default=math.inf),
        high=max(numbers, default=-math.inf),
        sizes=(min(map(len, sized), default=0), max(map(len, sized), default=0)),
        alphabet="".join(sorted(set().union(*texts))),
        skeletons=frozenset(map(skeleton, texts)),
        leading_zero=any(map(_has_leading_zero, texts)) or all(not _digits(text) for text in texts),
        orders=frozenset(name for name, holds in _ORDERS.items() if lists and all(map(holds, lists))),
        items=describe(items) if items and fields is None else None,
        keys=describe([key for value in dicts for key in value]) if any(dicts) else None,
        fields=fields,
        values=_distinct(value for value in values if type(value) in _SCALARS),
    )


def _fields(lists: Sequence[Sequence[Any]]) -> tuple[Envelope, ...] | None:
    """Envelopes by position where all values are records of one length."""
    length = len(lists[0])
    tuples = all(isinstance(value, tuple) for value in lists)
    if length == 0 or any(len(value) != length for value in lists):
        return None
    if not tuples and (length > TUPLE_LIKE or len(lists) < 2 * length or _hold_containers(lists)):
        return None
    return tuple(describe([value[place] for value in lists]) for place in range(length))


def _hold_containers(lists: Sequence[Sequence[Any]]) -> bool:
    """Whether items are containers: rows of a small square matrix are no fields of a record."""
    return any(isinstance(item, (list, tuple)) for value in lists for item in value)


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value


def _distinct(values: Iterable[Any]) -> tuple[Any, ...]:
    """Values without repeats (1, 1.0 and True are three), in the order of their first coming."""
    return tuple({(type(value), repr(value)): value for value in values}.values())


def _digits(text: str) -> bool:
    return text.isdigit()


# --- what all lists at a place may share ----------------------------------------------------------------------------


def _ascending(values: Sequence[Any]) -> bool:
    return _compared(values, lambda left, right: left <= right)


def _descending(values: Sequence[Any]) -> bool:
    return _compared(values, lambda left, right: left >= right)


def _compared(values: Sequence[Any], holds: Callable[[Any, Any], bool]) -> bool:
    try:
        return all(holds(left, right) for left, right in pairwise(values))
    except TypeError:
        return False


def _no_repeats(values: Sequence[Any]) -> bool:
    return len({repr(value) for value in values}) == len(values)


def _rows_of_one_length(values: Sequence[Any]) -> bool:
    return len({len(value) if isinstance(value, (list, tuple, str)) else -1 for value in values}) <= 1


_ORDERS: Final[dict[str, Callable[[Sequence[Any]], bool]]] = {
    "ascending": _ascending,
    "descending": _descending,
    "no repeats": _no_repeats,
    "rows of one length": _rows_of_one_length,
}
