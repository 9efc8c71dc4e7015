"""``segment``: a program into the steps that a teacher rewrites and a reward model scores. Standard library only."""

from __future__ import annotations

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


def segment(source: str, mode: Mode) -> list[Segment]:
    """Cut a program into segments: whole logical lines, in order, which concatenate to ``source`` exactly.

    The text is taken as it is: any mix of line ends, tabs, form feeds, a byte order mark. Blank lines belong to the
    segment before them (at the top, to the first), comment lines to the segment after them (at the end, to the last).

    ``line``: one logical line a segment. Decorators go with their ``def`` or ``class`` line; ``else:``, ``try:`` and
    ``finally:`` alone on their line go with the next one.

    ``block``: up to 6 lines of simple statements; a compound statement of up to 8 lines whole, a longer one by
    clauses, each header with the simple statements that follow it; imports apart; a docstring with its header.
    Lines are logical ones, so comments, blank lines and wrapping do not move a boundary. Every boundary of ``block``
    is one of ``line``.

    Kinds: ``import``; ``assign`` (also augmented and annotated assignment, ``del``, ``type``); ``expr``; ``return``;
    ``control`` (break, continue, pass, raise, assert, global, nonlocal); ``run`` (simple statements of different
    kinds); ``if``, ``for``, ``while``, ``with``, ``try``, ``match`` (the statement, or one of its clauses:
    ``elif`` and ``else`` of an ``if`` are ``if``); ``definition`` (a function or class on one line). Context and no
    steps: ``header`` (def or class line, its decorators, in block mode its docstring) and ``docstring``.

    >>> [(piece.kind, piece.text) for piece in segment("def f(x):\\n    y = x  # twice\\n    return y + x\\n", "block")]
    [('header', 'def f(x):\\n'), ('run', '    y = x  # twice\\n    return y + x\\n')]

    Raises ``SegmentationError``, and nothing else, for text that this Python's grammar does not accept or that holds
    no statement at all.
    """
    tree = parse(source)
    if not tree.body:
        raise SegmentationError("there is no statement to make a step of", 1, 0)
    try:
        lines = logical_lines(source)
    except RecursionError:  # f-strings in f-strings (from 3.12 on, up to 150) on a stack that is deep already
        raise SegmentationError(TOO_DEEP, 1, 0) from None
    kinds = group(tree, lines, GRANULARITY[mode])
    starts = [(offset, kind) for offset, kind in zip(lines.offsets, kinds, strict=True) if kind is not None]
    ends = [offset for offset, _ in starts[1:]]
    ends.append(len(source))
    return [Segment(start, end, kind, source[start:end]) for (start, kind), end in zip(starts, ends, strict=True)]
