"""Variants, and the protocols of the teachers that propose them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from prlcoder.segmenter.model import Segment

VariantKind = Literal["mutation", "refactoring"]


@dataclass(frozen=True)
class Variant:
    """A rewrite of one segment. ``text`` replaces the segment's text exactly, newline included.

    A ``mutation`` is meant to change behaviour, a ``refactoring`` to keep it. ``operator`` names the rule that made it.
    ``teacher`` is empty unless a teacher other than the one asked made the variant.
    """

    kind: VariantKind
    operator: str
    text: str
    teacher: str = ""


class Teacher(Protocol):
    """Proposes variants of the segments of a known-correct program."""

    name: str

    def propose(self, problem_id: str, source: str, segments: list[Segment], index: int) -> list[Variant]:
        """Return variants of ``segments[index]`` that differ from it and from each other.

        The same arguments always give the same variants.
        """
        ...


@dataclass(frozen=True)
class RewriteSite:
    """One segment of a known-correct program, with the problem's statement for teachers that read it."""

    problem_id: str
    statement: str
    source: str
    segments: list[Segment]
    index: int


@dataclass(frozen=True)
class Proposals:
    """The variants of several rewrite sites: one list per site, in order.

    ``counts`` holds nested numbers that add up over calls (requests, tokens). ``stood_in`` lists the sites, as (problem
    id, segment index), for which another teacher had to propose.
    """

    variants: list[list[Variant]]
    counts: Mapping[str, Any] = field(default_factory=dict)
    stood_in: Sequence[tuple[str, int]] = ()


@runtime_checkable
class BatchTeacher(Protocol):
    """A teacher that is asked about many segments at once, because each answer takes long."""

    name: str

    def propose_all(self, places: Sequence[RewriteSite]) -> Proposals:
        """Return the variants of every site, as ``Teacher.propose`` does. Raises ``WorkError`` if it cannot go on."""
        ...


def propose_all(teacher: Teacher | BatchTeacher, places: Sequence[RewriteSite]) -> Proposals:
    """Return the variants of every site, for either kind of teacher."""
    if isinstance(teacher, BatchTeacher):
        return teacher.propose_all(places)
    return Proposals([teacher.propose(p.problem_id, p.source, p.segments, p.index) for p in places])
