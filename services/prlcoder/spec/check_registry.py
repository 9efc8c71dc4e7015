"""A check across the fields of a manifest, and how it is registered.

A module of checks has a list of its own, and ``registrar`` makes the decorator that adds to it::

    CHECKS: list[SpecCheck] = []
    check = registrar(CHECKS)

Where CEL can make the same check, the decorator also gives the rules, so that the Kubernetes API server refuses what
``prlcoder validate`` refuses. The operator makes the other checks before it creates the first Job.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from prlcoder.spec.document import FieldPath
from prlcoder.spec.section import CelRule
from prlcoder.spec.trainingrun import Spec


@dataclass(frozen=True)
class SpecFinding:
    """A mistake at ``location`` of the manifest, and what to do about it."""

    location: FieldPath
    what: str
    remedy: str = ""


@dataclass(frozen=True)
class SpecCheck:
    """A check, and the rules by which the API server makes it too; ``at`` is their section below ``spec``."""

    find: Callable[[Spec], Iterator[SpecFinding]]
    at: tuple[str, ...]
    rules: tuple[CelRule, ...]


Finder = Callable[[Spec], Iterator[SpecFinding]]


class Registrar(Protocol):
    """The decorator of checks. In ``rules``, ``self`` is the section at ``at`` below the spec."""

    def __call__(self, *rules: CelRule, at: tuple[str, ...] = ()) -> Callable[[Finder], Finder]:
        """Register a check."""
        ...


def registrar(checks: list[SpecCheck]) -> Registrar:
    """The decorator that adds checks to ``checks``."""

    def check(*rules: CelRule, at: tuple[str, ...] = ()) -> Callable[[Finder], Finder]:
        def register(find: Finder) -> Finder:
            checks.append(SpecCheck(find, at, rules))
            return find

        return register

    return check


def repeated(
    location: FieldPath, values: list[str], field: str = "kind", remedy: str = "keep one of them"
) -> Iterator[SpecFinding]:
    """A finding for each value that occurs more than once, at its last occurrence."""
    for value, count in Counter(values).items():
        if count > 1:
            last = len(values) - 1 - values[::-1].index(value)
            yield SpecFinding((*location, last, field), f"`{value}` is given {count} times", remedy)
