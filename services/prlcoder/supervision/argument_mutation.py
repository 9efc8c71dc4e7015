"""Small, type-aware changes of a value. Most stay within its envelope; the caller checks with ``Envelope.admits``.

EvalPlus mutates inputs by type and filters them with hand-written contracts (Liu et al., arXiv 2305.01210, section
2.2). Here the envelope of the given inputs takes the place of the contracts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from prlcoder.supervision.input_ranges import Envelope

MAX_NUMBER: Final = 1 << 62  # ranges from which numbers are drawn are limited to this magnitude


def mutated(value: Any, envelope: Envelope, rng: random.Random, *, same_sizes: bool = False) -> Any:
    """Return a changed copy of ``value``, or an equal one if nothing can be changed. ``same_sizes`` keeps all
    lengths."""
    kind = type(value)
    if envelope.values and rng.random() < 0.15:  # another test's value, perhaps of another type
        other = rng.choice(envelope.values)
        if not same_sizes or type(other) not in (str, bytes) or (type(other) is kind and len(other) == len(value)):
            return other
    if kind is bool:
        return not value
    if kind is int:
        return _integer(value, envelope, rng)
    if kind is float:
        return _real(value, envelope, rng)
    if kind is str:
        return _text(value, envelope, rng, same_sizes)
    if kind in (list, tuple):
        return kind(_sequence(list(value), envelope, rng, same_sizes))
    if kind in (set, frozenset):
        items = _sequence(sorted(value, key=repr), envelope, rng, same_sizes)
        return kind(items)
    if kind is dict:
        return _mapping(value, envelope, rng)
    return value


def _integer(value: int, envelope: Envelope, rng: random.Random) -> int:
    choice = rng.random()
    if choice < 0.35:
        return value + rng.choice((-1, 1))
    low, high = _bounds(envelope)
    if choice < 0.5:
        return rng.choice((low, high))
    if choice < 0.6:
        return rng.choice((0, 1, -value, value * 2, value // 2))
    return rng.randint(low, high)


def _bounds(envelope: Envelope) -> tuple[int, int]:
    if envelope.low > envelope.high:
        return 0, 0
    low = int(max(envelope.low, -MAX_NUMBER))
    return low, max(low, int(min(envelope.high, MAX_NUMBER)))


def _real(value: float, envelope: Envelope, rng: random.Random) -> float:
    if rng.random() < 0.5:
        return round(value + rng.choice((-1.0, -0.5, 0.5, 1.0)), 6)
    low, high = _bounds(envelope)
    return round(rng.uniform(low, high), 2)


def _text(value: str, envelope: Envelope, rng: random.Random, same_sizes: bool) -> str:
    """Edit one place of a text. A new character is of the old one's class and occurs in the given texts."""
    if not value:
        return value if same_sizes or not envelope.alphabet else rng.choice(envelope.alphabet)
    at = rng.randrange(len(value))
    edits: list[Callable[[], str]] = [
        lambda: value[:at] + _character(value[at], envelope, rng) + value[at + 1 :],
        lambda: value[:at] + value[rng.randrange(len(value))] + value[at + 1 :],
        lambda: _swapped(value, at, rng.randrange(len(value))),
        lambda: value[::-1],
    ]
    if not same_sizes:
        edits += [
            lambda: value[:at] + value[at + 1 :],
            lambda: value[:at] + value[at] + value[at:],
            lambda: value[:at] + _character(value[at], envelope, rng) + value[at:],
            lambda: value[: at + 1],
            lambda: value[at:],
            lambda: value + _other(envelope, rng, value),
        ]
    return rng.choice(edits)()


def _character(old: str, envelope: Envelope, rng: random.Random) -> str:
    same_class = [new for new in envelope.alphabet if (new.isalpha(), new.isdigit()) == (old.isalpha(), old.isdigit())]
    return rng.choice(same_class) if same_class else old


def _other(envelope: Envelope, rng: random.Random, default: str) -> str:
    texts = [text for text in envelope.values if type(text) is str]
    return str(rng.choice(texts)) if texts else default


def _swapped(value: str, left: int, right: int) -> str:
    characters = list(value)
    characters[left], characters[right] = characters[right], characters[left]
    return "".join(characters)


def _sequence(items: list[Any], envelope: Envelope, rng: random.Random, same_sizes: bool) -> list[Any]:
    """Edit one item of a list; if all given lists are sorted, sort the result."""
    if not items:
        return items if same_sizes or envelope.items is None else [_fresh(envelope.items, rng)]
    at = rng.randrange(len(items))
    inner = envelope.fields[at] if envelope.fields and at < len(envelope.fields) else envelope.items
    choice = rng.random()
    if choice < 0.45 and inner is not None:
        items[at] = mutated(items[at], inner, rng, same_sizes=same_sizes or _rows(items, envelope))
    elif choice < 0.6:
        other = rng.randrange(len(items))
        items[at], items[other] = items[other], items[at]
    elif choice < 0.68:
        items[at] = items[rng.randrange(len(items))]
    elif choice < 0.72:
        items.reverse()
    elif same_sizes or envelope.sizes[0] == envelope.sizes[1]:
        rng.shuffle(items)
    else:
        items = _resized(items, at, inner, rng)
    return _in_order(items, envelope.orders)


def _rows(items: Sequence[Any], envelope: Envelope) -> bool:
    """Whether the items are rows of equal length, so that no item may change its length alone."""
    return len(items) > 1 and "rows of one length" in envelope.orders


def _resized(items: list[Any], at: int, inner: Envelope | None, rng: random.Random) -> list[Any]:
    """Return the list with fewer or more items."""
    choice = rng.random()
    if choice < 0.3:
        return items[:at] + items[at + 1 :]
    if choice < 0.45:
        return items[: at + 1]
    if choice < 0.55:
        return items[at:]
    if choice < 0.75:
        return items[: at + 1] + items[at:]
    fresh = items[at] if inner is None else mutated(items[at], inner, rng)
    return [*items[:at], fresh, *items[at:]]


def _in_order(items: list[Any], orders: frozenset[str]) -> list[Any]:
    both = {"ascending", "descending"} & orders
    if len(both) != 1:
        return items
    try:
        return sorted(items, reverse="descending" in both)
    except TypeError:
        return items


def _mapping(value: dict[Any, Any], envelope: Envelope, rng: random.Random) -> dict[Any, Any]:
    """Change one value, delete one key, or rename one key."""
    if not value or envelope.items is None or envelope.keys is None:
        return value
    changed = dict(value)
    key = rng.choice(list(value))
    choice = rng.random()
    if choice < 0.6:
        changed[key] = mutated(value[key], envelope.items, rng)
    elif choice < 0.8:
        del changed[key]
    else:
        new = mutated(key, envelope.keys, rng)
        changed = {new if old == key else old: item for old, item in value.items()}
    return changed


def _fresh(envelope: Envelope, rng: random.Random) -> Any:
    """Return a scalar that occurs in the given values; None if there is none."""
    return rng.choice(envelope.values) if envelope.values else None
