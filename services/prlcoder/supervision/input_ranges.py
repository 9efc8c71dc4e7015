"""The envelope of the values at one position of a problem's inputs: types, ranges, sizes, characters, order.

A generated input must lie within the envelope of the given ones at every position. Most promises that a problem makes
about its inputs (sorted, distinct, a matrix, lower-case letters) are visible there; other promises are not seen.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

MAX_RECORD_FIELDS: Final = 4  # lists of a fixed length up to this are records, such as [start, end]
_SCALARS: Final = (bool, int, float, complex, str, bytes, type(None))
_RUN: Final = re.compile(r"(.)\1*", re.DOTALL)


@dataclass(frozen=True)
class Envelope:
    """The values between ``low`` and ``high``, with lengths in ``sizes``, and so on: see ``admits``.

    ``items`` is the envelope of all items of a container (of a dict: of its values; ``keys`` is that of its keys);
    ``fields`` are the envelopes of a record, by position. ``skeletons`` are the forms of texts (see ``skeleton``).
    """

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
    values: tuple[Any, ...] = ()  # the distinct given scalars

    def admits(self, value: Any) -> bool:
        """Whether ``value`` lies within the envelope."""
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
    """Return ``envelope.admits``. Without an envelope (no container had items) nothing is admitted."""
    return (lambda _: False) if envelope is None else envelope.admits


def skeleton(text: str) -> str:
    """Return the form of a text: a run of letters becomes ``a``, a run of digits ``9``; other characters stay.

    >>> skeleton("2026-11-21 x"), skeleton("(())")
    ('9-9-9 a', '(())')
    """
    coarse = "".join("a" if character.isalpha() else "9" if character.isdigit() else character for character in text)
    return _RUN.sub(lambda run: run[1] if run[1] in "a9" else run[0], coarse)


def _has_leading_zero(text: str) -> bool:
    return len(text) > 1 and text[0] == "0"


def describe(values: Sequence[Any]) -> Envelope:
    """Return the envelope of the values, of which there must be at least one."""
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
    """Return the envelopes by position if all values are records of one length, else None."""
    length = len(lists[0])
    tuples = all(isinstance(value, tuple) for value in lists)
    if length == 0 or any(len(value) != length for value in lists):
        return None
    if not tuples and (length > MAX_RECORD_FIELDS or len(lists) < 2 * length or _hold_containers(lists)):
        return None
    return tuple(describe([value[place] for value in lists]) for place in range(length))


def _hold_containers(lists: Sequence[Sequence[Any]]) -> bool:
    """Whether items are containers: the rows of a small matrix are not the fields of a record."""
    return any(isinstance(item, (list, tuple)) for value in lists for item in value)


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value


def _distinct(values: Iterable[Any]) -> tuple[Any, ...]:
    """Return the distinct values in order of first occurrence; 1, 1.0 and True are three values."""
    return tuple({(type(value), repr(value)): value for value in values}.values())


def _digits(text: str) -> bool:
    return text.isdigit()


# --- properties that all lists at one position may share ------------------------------------------------------------


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
