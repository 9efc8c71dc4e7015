"""Splits programs into segments: the steps that teachers rewrite and reward models score, and their context."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prlcoder.segmenter.grouping import GRANULARITY, group
from prlcoder.segmenter.lines import logical_lines
from prlcoder.segmenter.model import Mode, Segment, SegmentationError
from prlcoder.segmenter.syntax import TOO_DEEP, parse

KINDS = (
    "import",
    "assign",
    "expr",
    "return",
    "control",
    "run",
    "if",
    "for",
    "while",
    "with",
    "try",
    "match",
    "definition",
    "header",
    "docstring",
)

BatchSegmenter = Callable[[Sequence[str], Mode], list[list[Segment] | SegmentationError]]
"""Segments a batch of programs: ``segment_each`` in this process, or the segmenter service."""


def segment(source: str, mode: Mode) -> list[Segment]:
    """Split a program into segments: whole logical lines, in order, which concatenate to ``source`` exactly.

    The text is not normalised: line ends, tabs, form feeds and a byte order mark stay as they are. Blank lines belong
    to the segment before them (at the top, to the first), comment lines to the segment after them (at the end, to the
    last).

    ``line``: one logical line per segment. Decorators join their ``def`` or ``class`` line. An ``else:``, ``try:`` or
    ``finally:`` alone on its line joins the next line.

    ``block``: up to 6 lines of simple statements form a segment. A compound statement of up to 8 lines is one segment;
    a longer one is split by clauses, and each clause header is joined by the simple statements that follow it. Imports
    are separate; a docstring belongs to its header. All counts are logical lines, so comments, blank lines and wrapping
    do not move a boundary. Every boundary of ``block`` is also a boundary of ``line``.

    Kinds: ``import``; ``assign`` (also augmented and annotated assignment, ``del``, ``type``); ``expr``; ``return``;
    ``control`` (break, continue, pass, raise, assert, global, nonlocal); ``run`` (simple statements of different
    kinds); ``if``, ``for``, ``while``, ``with``, ``try``, ``match`` (the statement or one of its clauses: ``elif`` and
    ``else`` of an ``if`` are ``if``); ``definition`` (a function or class on one line). Two kinds are context, not
    steps: ``header`` (a def or class line, its decorators, and in block mode its docstring) and ``docstring``.

    >>> [(piece.kind, piece.text) for piece in segment("def f(x):\\n    y = x  # twice\\n    return y + x\\n", "block")]
    [('header', 'def f(x):\\n'), ('run', '    y = x  # twice\\n    return y + x\\n')]

    Raises ``SegmentationError``, and no other error, for text that the running Python's grammar does not accept and for
    text without any statement.
    """
    tree = parse(source)
    if not tree.body:
        raise SegmentationError("there is no statement in this text", 1, 0)
    try:
        lines = logical_lines(source)
    except RecursionError:  # nested f-strings (Python 3.12 allows 150 levels) on a stack that is already deep
        raise SegmentationError(TOO_DEEP, 1, 0) from None
    kinds = group(tree, lines, GRANULARITY[mode])
    starts = [(offset, kind) for offset, kind in zip(lines.offsets, kinds, strict=True) if kind is not None]
    ends = [offset for offset, _ in starts[1:]]
    ends.append(len(source))
    return [Segment(start, end, kind, source[start:end]) for (start, kind), end in zip(starts, ends, strict=True)]


def segment_each(programs: Sequence[str], mode: Mode) -> list[list[Segment] | SegmentationError]:
    """Segment a batch of programs; each yields its segments or its error, in order.

    >>> [type(outcome).__name__ for outcome in segment_each(["x = 1\\n", "x = ("], "line")]
    ['list', 'SegmentationError']
    """
    return [_segments_or_error(program, mode) for program in programs]


def _segments_or_error(program: str, mode: Mode) -> list[Segment] | SegmentationError:
    try:
        return segment(program, mode)
    except SegmentationError as error:
        return error
