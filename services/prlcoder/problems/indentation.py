"""Rewrites indentation to one unit per level, by Python's own tokenizer (docs/reference/contracts.md, section 1).

Only the whitespace at the start of lines changes. Lines that begin inside a string stay as they are. Continuation
lines keep their position relative to the first line of their statement. Comment lines go to the level at which they
stand. Lines of whitespace alone become empty. The number of lines never changes, and the syntax tree stays the same
(docstrings included, because their inner lines are part of a string).
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Style = Literal["spaces4", "tab", "keep"]

_UNITS = {"spaces4": "    ", "tab": "\t"}
_LEADING = re.compile(r"[ \t\f]*")
_OPENING = frozenset({"FSTRING_START"})  # an f-string is several tokens from Python 3.12 on
_CLOSING = frozenset({"FSTRING_END"})


def unify_line_ends(text: str) -> str:
    """The text with ``\\r\\n`` and ``\\r`` as ``\\n``. Python's compiler does the same, in strings too."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def normalize(source: str, style: Style) -> str:
    """The source with every level of indentation written as one unit of ``style``.

    Fragments such as ``"def f(x):\\n"`` are allowed. Text that Python cannot tokenise, and any text under ``keep``,
    comes back unchanged. Line ends must be ``\\n``. The function is idempotent.
    """
    if style == "keep" or not source.strip():
        return source
    try:
        layout = _layout(source)
    except (tokenize.TokenError, SyntaxError):
        return source
    unit = _UNITS[style]
    lines = source.split("\n")
    last = len(lines)
    return "\n".join(
        _rewritten(line, number, layout, unit, is_end=number == last) for number, line in enumerate(lines, start=1)
    )


def normalize_prompt(prompt: str, solution: str, normalized_solution: str) -> str | None:
    """The prompt as it stands at the beginning of the normalised solution, so that it stays a prefix of it.

    None if the prompt ends inside whitespace whose width depends on the code that follows in the solution.
    """
    cut = prompt.count("\n")
    whole_lines = normalized_solution.split("\n")
    kept = "".join(line + "\n" for line in whole_lines[:cut])
    partial = prompt.rsplit("\n", 1)[-1]
    if not partial:
        return kept
    tail = solution.split("\n")[cut][len(partial) :]
    line = whole_lines[cut]
    if not partial.strip() or not line.endswith(tail):
        return None
    return kept + line[: len(line) - len(tail)]


@dataclass
class _Layout:
    """The level of each line of a source. Line numbers count from 1."""

    depths: dict[int, int] = field(default_factory=dict)  # first lines of statements, and comment lines
    continued: dict[int, int] = field(default_factory=dict)  # continuation line -> its statement's first line
    fixed: set[int] = field(default_factory=set)  # lines that begin inside a string
    indents: dict[int, str] = field(default_factory=dict)  # the original whitespace of a statement's first line


@dataclass
class _Comment:
    line: int
    width: int
    levels: list[int]  # widths of the levels that were open before the comment


def _layout(source: str) -> _Layout:
    layout = _Layout()
    levels = [0]
    pending: list[_Comment] = []  # comments whose level depends on the next statement
    first = 0  # first line of the statement being read; 0 between statements
    for token, opened in _tokens(source):
        row = token.start[0]
        if opened:
            layout.fixed.update(range(opened + 1, token.end[0] + 1))
        if token.type == tokenize.INDENT:
            levels.append(_width(token.string))
        elif token.type == tokenize.DEDENT:
            levels.pop()
        elif token.type == tokenize.NEWLINE:
            _continue(layout, first, row)
            first = 0
        elif token.type == tokenize.COMMENT and not first:
            pending.append(_Comment(row, _width(_LEADING.match(token.line)[0]), list(levels)))  # type: ignore[index]
        elif token.type not in (tokenize.NL, tokenize.COMMENT, tokenize.ENDMARKER) and not first:
            first = row
            layout.depths[row] = len(levels) - 1
            layout.indents[row] = _LEADING.match(token.line)[0]  # type: ignore[index]
            _place_comments(layout, pending, levels)
            pending = []
    _place_comments(layout, pending, [0])
    return layout


def _tokens(source: str) -> Iterator[tuple[tokenize.TokenInfo, int]]:
    """Yields tokens; with the last token of a string comes the line on which the string opened, otherwise 0."""
    openings: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(source, newline="\n").readline):
        name = tokenize.tok_name[token.type]
        if token.type == tokenize.ERRORTOKEN:
            raise SyntaxError(token.string)
        if name in _OPENING:
            openings.append(token.start[0])
        opened = openings.pop() if name in _CLOSING else 0
        yield token, token.start[0] if token.type == tokenize.STRING else opened


def _continue(layout: _Layout, first: int, last: int) -> None:
    layout.continued.update((row, first) for row in range(first + 1, last + 1))


def _place_comments(layout: _Layout, comments: list[_Comment], following: list[int]) -> None:
    """Give each comment line the level around it that has its width, or else the next level to the left."""
    for comment in comments:
        around = [following, comment.levels]
        exact = [levels.index(comment.width) for levels in around if comment.width in levels]
        left = max(sum(width <= comment.width for width in levels) - 1 for levels in around)
        layout.depths[comment.line] = exact[0] if exact else left


def _width(white: str) -> int:
    """The width in columns as CPython counts it: a tab goes to a multiple of 8, a form feed resets to 0."""
    column = 0
    for character in white:
        column = 0 if character == "\f" else column // 8 * 8 + 8 if character == "\t" else column + 1
    return column


def _rewritten(line: str, number: int, layout: _Layout, unit: str, *, is_end: bool) -> str:
    if number in layout.fixed:
        return line
    white = _LEADING.match(line)[0]  # type: ignore[index]
    rest = line[len(white) :]
    if not rest:
        return white if is_end else ""  # a completion may continue an unfinished last line
    if number in layout.depths:
        return unit * layout.depths[number] + rest
    if number not in layout.continued:
        return line
    first = layout.continued[number]
    indent = layout.indents[first]
    leading = unit * layout.depths[first] + white[len(indent) :] if white.startswith(indent) else white
    return (leading.replace("\t", unit) if unit != "\t" else leading) + rest
