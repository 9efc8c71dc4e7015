"""Edits of a source text: operators yield them, and ``splice`` applies them to a segment."""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """A half-open range of code points of the source."""

    start: int
    end: int


class Edit(NamedTuple):
    """Replaces ``source[start:end]`` by ``text``. An empty range inserts."""

    start: int
    end: int
    text: str


Edits = tuple[Edit, ...]
"""The edits of one rewrite. All of them are applied, or none."""


def splice(source: str, span: Span, edits: Edits) -> str:
    """Return the text of ``span`` after the edits, which must lie inside it and must not overlap.

    >>> splice("a = b + c", Span(4, 9), (Edit(6, 7, "-"),))
    'b - c'
    """
    parts: list[str] = []
    position = span.start
    for edit in sorted(edits):
        parts += [source[position : edit.start], edit.text]
        position = edit.end
    parts.append(source[position : span.end])
    return "".join(parts)


def within(span: Span, edits: Edits) -> bool:
    """Whether every edit lies inside ``span``."""
    first, last = span
    return all(first <= start and end <= last for start, end, _ in edits)


def disjoint(left: Edits, right: Edits) -> bool:
    """Whether no edit of ``left`` touches the text of an edit of ``right``. Adjacent edits count as touching."""
    return all(a.end < b.start or b.end < a.start for a in left for b in right)


def swap(source: str, left: Span, right: Span) -> Edits:
    """Return the edits that exchange the texts of two spans, which must not overlap."""
    return (
        Edit(left.start, left.end, source[right.start : right.end]),
        Edit(right.start, right.end, source[left.start : left.end]),
    )
