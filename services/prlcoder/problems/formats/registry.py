"""The description of a format. Each format is a module; ``formats.FORMATS`` lists them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from prlcoder.problems.formats.judging_fields import unread_fields
from prlcoder.problems.formats.record import FieldError, Record
from prlcoder.problems.model import Problem


@dataclass(frozen=True)
class Format:
    """How records of one published format become problems.

    A record with every field of one of the ``signatures`` has this format, unless it has a larger signature of another
    one. ``fields`` are the other fields of its published records. ``parse`` raises ``FieldError``. Messages about ids
    and solutions name ``id_field`` and ``solution_field``.
    """

    name: str
    signatures: tuple[frozenset[str], ...]
    id_field: str
    solution_field: str
    parse: Callable[[Record], Problem]
    fields: frozenset[str] = frozenset()

    def matched_fields(self, fields: Collection[str]) -> int:
        """The size of the largest signature that ``fields`` contains; 0 if it contains none."""
        return max((len(signature) for signature in self.signatures if signature.issubset(fields)), default=0)

    def missing_fields(self, fields: Collection[str]) -> frozenset[str]:
        """The fields that a record with ``fields`` lacks to have this format: the smallest such set."""
        return min((signature.difference(fields) for signature in self.signatures), key=len)

    def unread_fields(self, record: dict[str, Any]) -> list[str]:
        """The fields of ``record`` that may carry tests, tolerances or checkers and that this format does not know."""
        return unread_fields(record, self.fields.union(*self.signatures))


def detect(fields: Collection[str], formats: Collection[Format]) -> Format | None:
    """The format with the largest signature that ``fields`` contains, or None."""
    found = max(formats, key=lambda format: format.matched_fields(fields))
    return found if found.matched_fields(fields) else None


def nearest(fields: Collection[str], formats: Collection[Format]) -> str:
    """A sentence that names the format that lacks the smallest part of its signature."""

    def lacking_share(format: Format) -> float:
        missing = format.missing_fields(fields)
        return len(missing) / max(len(signature) for signature in format.signatures if missing <= signature)

    found = min(formats, key=lacking_share)
    missing = ", ".join(sorted(found.missing_fields(fields)))
    return f"the nearest format is {found.name}, which also needs {missing}"


def refuse_unread(record: dict[str, Any], format: Format, formats: Collection[Format]) -> None:
    """Raises ``FieldError`` if a field that may decide verdicts would be ignored."""
    unread = format.unread_fields(record)
    if not unread:
        return
    others = [other for other in formats if other is not format and unread[0] in other.fields.union(*other.signatures)]
    what = f"may carry tests, tolerances or checkers, but the format {format.name} does not read it"
    remedy = "rename the field if it does not decide verdicts"
    if others:
        near = min(others, key=lambda other: len(other.missing_fields(record)))
        missing = ", ".join(sorted(near.missing_fields(record)))
        needs = f", which also needs {missing}" if missing else f"; use --format {near.name}"
        what += f"; the nearest format that does is {near.name}{needs}"
        remedy = "or " + remedy
    raise FieldError(unread[0], what, remedy)
