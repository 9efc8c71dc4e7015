"""What a teacher proposes: a rewrite of one segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from prlcoder.segmenter.model import Segment

VariantKind = Literal["mutation", "refactoring"]


@dataclass(frozen=True)
class Variant:
    """A rewrite of one segment. ``text`` replaces the segment's text exactly, newline included.

    ``mutation`` is meant to change behaviour, ``refactoring`` to keep it; ``operator`` names the rule that made it.
    ``teacher`` is empty unless another teacher than the one that was asked made it.
    """

    kind: VariantKind
    operator: str
    text: str
    teacher: str = ""


class Teacher(Protocol):
    """Anything that proposes variants for the segments of a known-correct program."""

    name: str

    def propose(self, problem_id: str, source: str, segments: list[Segment], index: int) -> list[Variant]:
        """Variants of ``segments[index]``, none equal to it or to each other; the same for the same arguments."""
        ...


@dataclass(frozen=True)
class RewriteSite:
    """One segment of a known-correct program, with what a teacher that reads the task needs to know."""

    problem_id: str
    statement: str
    source: str
    segments: list[Segment]
    index: int


@dataclass(frozen=True)
class Proposals:
    """The answer for several places: a list of variants for each, in their order.

    ``counts`` says what it took, as nested numbers that add up over calls (requests, tokens); ``stood_in`` names the
    places, as (problem id, segment index), where another teacher had to propose instead.
    """

    variants: list[list[Variant]]
    counts: Mapping[str, Any] = field(default_factory=dict)
    stood_in: Sequence[tuple[str, int]] = ()


@runtime_checkable
class BatchTeacher(Protocol):
    """A teacher that works on many segments at once, because each answer takes long to come."""

    name: str

    def propose_all(self, places: Sequence[RewriteSite]) -> Proposals:
        """Variants of every place, under the promises of ``Teacher.propose``. ``WorkError`` if it cannot go on."""
        ...


def propose_all(teacher: Teacher | BatchTeacher, places: Sequence[RewriteSite]) -> Proposals:
    """The variants of every place, whichever kind of teacher it is."""
    if isinstance(teacher, BatchTeacher):
        return teacher.propose_all(places)
    return Proposals([teacher.propose(p.problem_id, p.source, p.segments, p.index) for p in places])
