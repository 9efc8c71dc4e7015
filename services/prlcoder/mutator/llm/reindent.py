"""Moves a model's text to the indentation of the segment that it replaces.

Models keep the segment's indentation, lose that of the first line, or begin at another column. ``reindented`` yields
the text for each of these cases, in that order; the caller takes the first that parses in the program.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator

_LEADING = re.compile(r"[ \t]*")
_STRINGS = frozenset({"STRING", "FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END", "TSTRING_MIDDLE", "TSTRING_END"})
UNIT = "    "


def reindented(text: str, indent: str) -> Iterator[str]:
    r"""Yield ``text`` re-indented for a segment at ``indent``, in each way that the model may have meant it.

    >>> list(reindented("if a:\n    b()", "    "))
    ['    if a:\n    b()', '    if a:\n        b()']
    """
    lines = [_respaced(line, tabs="\t" in indent) for line in text.split("\n")]
    own = _LEADING.match(lines[0])[0]  # type: ignore[index]
    if own.startswith(indent):  # at the segment's level, or deeper on purpose (for example inside the loop above)
        yield "\n".join(lines)
    if own == indent:
        return
    first_lost = "\n".join([indent + lines[0][len(own) :], *lines[1:]])
    if not own and len(lines) > 1:
        yield first_lost
    inside = string_lines("\n".join(lines))
    moved = [line if number in inside else _moved(line, own, indent) for number, line in enumerate(lines)]
    if None not in moved:
        yield "\n".join(line for line in moved if line is not None)


def string_lines(text: str) -> set[int]:
    """Return the 0-based numbers of the lines that begin inside a string, up to the first syntax error."""
    inside: set[int] = set()
    opened = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline="\n").readline):
            name = tokenize.tok_name[token.type]
            if name in _STRINGS:
                first = opened if name.endswith(("_MIDDLE", "_END")) else token.start[0]
                inside.update(range(first, token.end[0]))
                opened = token.end[0]
    except (tokenize.TokenError, SyntaxError):
        pass
    return inside


def _respaced(line: str, tabs: bool) -> str:
    """Return the line with its indentation in the program's character (tab or space)."""
    white = _LEADING.match(line)[0]  # type: ignore[index]
    return (white.replace(UNIT, "\t") if tabs else white.replace("\t", UNIT)) + line[len(white) :]


def _moved(line: str, own: str, indent: str) -> str | None:
    """Return the line moved from the level ``own`` to ``indent``; None if it is indented less than ``own``."""
    if not line.strip():
        return ""
    return indent + line[len(own) :] if line.startswith(own) else None
