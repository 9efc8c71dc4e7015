r"""Finds the logical lines of a program in one pass of a few regular expressions, without building tokens.

A logical line is defined by Python's grammar as everything up to a NEWLINE token: brackets, multi-line strings and
backslashes join physical lines. Physical lines end at ``\n``, ``\r\n`` or ``\r`` only; form feeds and the Unicode
separators at which ``str.splitlines`` splits do not end a line of Python.

The caller has parsed the text before. Quotes and brackets are therefore balanced, which makes so small a scanner
exact (the tests compare it with ``tokenize``). On text that does not parse, the scan still terminates and still covers
the whole text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

BOM = "\ufeff"

# Every repetition of a group below is written so that it can match in one way only, which makes giving back useless and
# keeps the scan linear. Possessive groups would say the same, but Python before 3.11.5 matches them wrongly (its issue
# 106052), and Debian 12 has 3.11.2; possessive repetitions of single characters are right everywhere.
_EOL = r"(?:\r\n|\r(?!\n)|\n)"
_COMMENT = r"\#[^\r\n]*+"
# A line without tokens: whitespace, a comment, or backslashes that join one blank line to the next.
_BLANK = re.compile(rf"(?:[ \t\f]|\\{_EOL})*({_COMMENT})?(?:{_EOL}|\Z)")

# The prefix of an f-string. Since Python 3.12 a replacement field may contain the enclosing quote again, so f-strings
# are scanned by their grammar instead of to the next quote; this is also correct for everything that 3.11 accepts.
# The (?<!\w) is there because `if"x"` and `elif"x"` are a keyword and a plain string.
_FORMATTED = r"(?:(?<=(?<!\w)[fF])|(?<=(?<!\w)[fF][rR])|(?<=(?<!\w)[rR][fF]))"
_STRING = (
    rf"(?!{_FORMATTED})(?:"
    r'"""(?:[^"\\]++|\\.|"(?!""))*"""|'
    r"'''(?:[^'\\]++|\\.|'(?!''))*'''|"
    r'"(?:[^"\\\r\n]++|\\(?:\r\n|.))*"|'
    r"'(?:[^'\\\r\n]++|\\(?:\r\n|.))*')"
)
_JOINED = r"\\(?:\r\n|.)"
_QUOTES = r"\"\"\"|'''|\"|'"
# Text that cannot end a line, followed by the next token that matters: a line end, a bracket, an f-string, or the end
# of the text. The last alternative is reached only in text that does not parse, where an unpaired quote may remain.
_CODE = re.compile(
    rf"(?:[^\r\n\\\#\"'()\[\]{{}}]++|{_STRING}|{_COMMENT}|{_JOINED})*"
    rf"(?:(?P<end>{_EOL}|\Z)|(?P<open>[(\[{{])|(?P<close>[)\]}}])|(?P<quote>{_QUOTES})|.)",
    re.DOTALL,
)
# The same inside the braces of an f-string's replacement field: line ends do not count, and a colon may begin the
# format specification.
_FIELD = re.compile(
    rf"(?:[^\\\#\"'()\[\]{{}}:]++|{_STRING}|{_COMMENT}|{_JOINED})*"
    rf"(?:(?P<end>\Z)|(?P<open>[(\[{{])|(?P<close>[)\]}}])|(?P<quote>{_QUOTES})|(?P<colon>:)|.)",
    re.DOTALL,
)
_FORMAT = re.compile(r"(?:[^{}\\]++|\\N\{[\w -]*\}|\\(?![{}]).|\\)*(?:(?P<field>\{)|\}|\Z)", re.DOTALL)
# The text of an f-string up to a replacement field or the closing quote. `\N{NAME}` is an escape, not a field. In a raw
# string it is a field, but one that holds only a name, so skipping it does not change where the line ends.
_TEXT = {
    quote: re.compile(
        rf"(?:[^{{\\{quote[0]}]++|\{{\{{|\\N\{{[\w -]*\}}|\\(?![{{}}])(?:\r\n|.)|\\(?=[{{}}])"
        rf"{f'|{quote[0]}(?!{quote[1:]})' if len(quote) == 3 else ''})*(?:(?P<field>\{{)|{quote}|\Z|.)",
        re.DOTALL,
    )
    for quote in ('"', "'", '"""', "'''")
}


@dataclass(frozen=True, slots=True)
class LogicalLines:
    """The logical lines of a program; every blank and comment line belongs to one of them.

    ``offsets[i]`` is the code point at which line ``i`` begins, including the comment lines above it; blank lines
    belong to the line before them, and ``offsets[0]`` is 0. ``numbers[i]`` is the 1-based number of the first physical
    line of code in line ``i``.
    """

    offsets: list[int]
    numbers: list[int]

    def index(self, number: int) -> int:
        """Return the index of the logical line that contains physical line ``number`` (1-based, as in ``ast``)."""
        return bisect_right(self.numbers, number) - 1


def logical_lines(source: str) -> LogicalLines:
    """Return the logical lines of ``source``, which must parse. A text without code has no lines."""
    offsets: list[int] = []
    numbers: list[int] = []
    position = len(BOM) if source.startswith(BOM) else 0
    number, counted = 1, 0
    owned: int | None = 0  # start of the comment lines that will belong to the next line of code
    while position < len(source):
        blank = _BLANK.match(source, position)
        if blank is not None:
            if blank[1] is not None and owned is None:
                owned = position
            position = blank.end()
            continue
        number += count_ends(source, counted, position)
        counted = position
        offsets.append(position if owned is None else owned)
        numbers.append(number)
        owned = None
        position = _end_of_line(source, position)
    return LogicalLines(offsets, numbers)


def count_ends(source: str, start: int, end: int) -> int:
    """Return how many physical lines end in ``source[start:end]``."""
    ends = source.count("\n", start, end)
    if source.find("\r", start, end) >= 0:
        ends += source.count("\r", start, end) - source.count("\r\n", start, end)
    return ends


def _end_of_line(source: str, position: int) -> int:
    """Return the offset just after the logical line whose code begins at ``position``, past its line end."""
    depth = 0
    while position < len(source):
        match = _CODE.match(source, position)
        assert match is not None  # the last alternative matches any character
        position = match.end()
        kind = match.lastgroup
        if kind == "end":
            if depth <= 0:
                break
        elif kind == "open":
            depth += 1
        elif kind == "close":
            depth -= 1
        elif kind == "quote":
            position = _end_of_fstring(source, position, match["quote"])
    return position


def _end_of_fstring(source: str, position: int, quote: str) -> int:
    """Return the offset just after the closing quote of the f-string whose text begins at ``position``."""
    text = _TEXT[quote]
    while True:
        match = text.match(source, position)
        assert match is not None
        position = match.end()
        if match["field"] is None:
            return position
        position = _end_of_field(source, position)


def _end_of_field(source: str, position: int) -> int:
    """Return the offset just after the brace that closes the field whose expression begins at ``position``."""
    depth = 0
    while position < len(source):
        match = _FIELD.match(source, position)
        assert match is not None
        position = match.end()
        kind = match.lastgroup
        if kind == "close":
            if depth == 0:
                break
            depth -= 1
        elif kind == "open":
            depth += 1
        elif kind == "quote":
            position = _end_of_fstring(source, position, match["quote"])
        elif kind == "colon" and depth == 0:
            return _end_of_format(source, position)
    return position


def _end_of_format(source: str, position: int) -> int:
    """Return the offset just after the brace that closes the field whose format begins at ``position``."""
    while True:
        match = _FORMAT.match(source, position)
        assert match is not None
        position = match.end()
        if match["field"] is None:
            return position
        position = _end_of_field(source, position)
