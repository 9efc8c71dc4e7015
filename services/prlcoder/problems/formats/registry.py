"""The description of a format. Each format is a module; ``formats.FORMATS`` lists them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from prlcoder.problems.formats.record import Record
from prlcoder.problems.model import Problem


@dataclass(frozen=True)
class Format:
    """How records of one published format become problems.

    A record with every field of one of the ``signatures`` is recognised as this format. ``parse`` raises
    ``FieldError``. Messages about ids and solutions name ``id_field`` and ``solution_field``.
    """

    name: str
    signatures: tuple[frozenset[str], ...]
    id_field: str
    solution_field: str
    parse: Callable[[Record], Problem]

    def recognises(self, fields: Collection[str]) -> bool:
        """Whether a record with these fields has this format."""
        return any(signature.issubset(fields) for signature in self.signatures)
