"""Invariants between the arguments of a problem's inputs: ``n == len(edges) + 1``, ``k <= len(nums)``.

Every relation of a fixed family that holds for all given inputs must also hold for a generated one. If there are few
inputs, some relations hold by chance; then fewer inputs are generated, but no invalid one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any, Final

Measures = Mapping[str, float]
Values = Sequence[Any]  # the arguments of one call
Relation = Callable[[Values, Measures], bool]
OFFSETS: Final = (-1, 0, 1)


def measures(values: Values) -> dict[str, float]:
    """Return numbers by name: of each argument its value, its length, its rows' length, its largest and smallest
    number."""
    found: dict[str, float] = {}
    for place, value in enumerate(values):
        if type(value) in (int, float):
            found[f"value {place}"] = value
        elif isinstance(value, (str, list, tuple, dict, set, frozenset)):
            found[f"size {place}"] = len(value)
            if isinstance(value, (list, tuple)) and value and isinstance(value[0], (str, list, tuple)):
                found[f"row {place}"] = len(value[0])
            numbers = list(_numbers(value))
            if numbers:
                found[f"most {place}"], found[f"least {place}"] = max(numbers), min(numbers)
    return found


def _numbers(value: Any) -> Iterator[float]:
    if type(value) in (int, float):
        yield value
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _numbers(item)


def relations(inputs: Sequence[Values]) -> list[Relation]:
    """Return the relations that hold for all ``inputs``, which must have the same number of arguments."""
    measured = [measures(values) for values in inputs]
    names = sorted(set.intersection(*(set(found) for found in measured)))
    candidates = [*_comparisons(names), *_memberships(len(inputs[0]))]
    return [
        relation
        for relation in candidates
        if all(relation(values, found) for values, found in zip(inputs, measured, strict=True))
    ]


def holds(relations: Sequence[Relation], values: Values) -> bool:
    """Whether all ``relations`` hold for an input."""
    found = measures(values)
    return all(relation(values, found) for relation in relations)


def _comparisons(names: Sequence[str]) -> Iterator[Relation]:
    """Yield equalities (up to an offset of one) of sizes and scalars, and orders where a statement may promise one."""
    for left, right in permutations(names, 2):
        kinds = (left.split()[0], right.split()[0])
        if kinds in _EQUAL:
            for offset in OFFSETS:
                yield _equal(left, right, offset)
        if kinds in _AT_MOST:
            yield _at_most(left, right, 0)
            yield _at_most(left, right, 1)


_EQUAL: Final = {("value", "size"), ("size", "size"), ("value", "row"), ("row", "size"), ("most", "size")}
_AT_MOST: Final = {
    ("value", "size"),
    ("value", "row"),
    ("value", "value"),
    ("most", "size"),
    ("most", "row"),
    ("most", "value"),
    ("value", "most"),
    ("least", "value"),
    ("value", "least"),
    ("size", "size"),
    ("size", "value"),
}


def _equal(left: str, right: str, offset: int) -> Relation:
    return lambda _, found: left in found and right in found and found[left] == found[right] + offset


def _at_most(left: str, right: str, margin: int) -> Relation:
    return lambda _, found: left in found and right in found and found[left] + margin <= found[right]


def _memberships(count: int) -> Iterator[Relation]:
    for left, right in permutations(range(count), 2):
        yield _member(left, right)
        yield _subset(left, right)
        yield _rearranged(left, right)


def _member(left: int, right: int) -> Relation:
    def relation(values: Values, _: Measures) -> bool:
        container = values[right]
        return isinstance(container, (list, tuple, set, frozenset, dict)) and values[left] in list(container)

    return relation


def _subset(left: int, right: int) -> Relation:
    def relation(values: Values, _: Measures) -> bool:
        one, other = values[left], values[right]
        lists = isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)) and len(one) > 0
        return lists and all(item in other for item in one)

    return relation


def _rearranged(left: int, right: int) -> Relation:
    def relation(values: Values, _: Measures) -> bool:
        one, other = values[left], values[right]
        same = isinstance(one, (list, tuple, str)) and type(one) is type(other) and len(one) == len(other)
        return same and sorted(map(repr, one)) == sorted(map(repr, other))

    return relation
