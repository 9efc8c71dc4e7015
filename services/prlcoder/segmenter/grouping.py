"""Groups logical lines into segments. Both modes follow the same rules and differ in three numbers only.

Each statement list (body) is handled independently: it only marks the lines at which segments begin. Bodies can
therefore be processed in any order from a work list, and deep nesting needs no recursion.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from prlcoder.segmenter.lines import LogicalLines
from prlcoder.segmenter.statements import (
    COMPOUND_KINDS,
    DEFINITIONS,
    Definition,
    clauses,
    defines,
    first_line,
    has_docstring,
    is_inline,
    kind_of,
    last_line,
)

Kinds = list[str | None]


@dataclass(frozen=True)
class Granularity:
    """The maximum size of a segment, in logical lines."""

    run: int  # maximum length of a run of simple statements, including the header that leads it
    whole: int  # maximum length of a compound statement that stays in one segment
    docstrings_apart: bool  # True: a docstring is a segment; False: it belongs to its header


GRANULARITY = {
    "line": Granularity(run=1, whole=1, docstrings_apart=True),
    "block": Granularity(run=6, whole=8, docstrings_apart=False),
}


def group(tree: ast.Module, lines: LogicalLines, granularity: Granularity) -> Kinds:
    """Return, for every logical line, the kind of the segment that begins there, or None if none begins there."""
    grouping = _Grouping(lines, granularity)
    grouping.place_module(tree)
    return grouping.finish()


class _Grouping:
    def __init__(self, lines: LogicalLines, granularity: Granularity) -> None:
        self._lines, self._granularity = lines, granularity
        self._kinds: Kinds = [None] * len(lines.offsets)
        self._attached: list[int] = []  # lines that join the bare `else:`, `try:` or `finally:` above them
        self._bodies: list[tuple[list[ast.stmt], int | None]] = []  # bodies to do, each with its header's line

    def place_module(self, tree: ast.Module) -> None:
        """Mark the lines of a whole program."""
        body = tree.body
        if has_docstring(body, self._lines):
            self._kinds[0] = "docstring"
            body = body[1:]
        self._bodies.append((body, None))
        while self._bodies:
            self._place_body(*self._bodies.pop())

    def finish(self) -> Kinds:
        """Join each attached line to the bare keyword above it, and return the kinds.

        If the attached line is a definition's header, the joined segment is a header.
        """
        kinds = self._kinds
        for line in sorted(self._attached):
            kind, kinds[line] = kinds[line], None
            if kind == "header":
                owner = line - 1
                while kinds[owner] is None:
                    owner -= 1
                kinds[owner] = kind
        return kinds

    def _place_body(self, body: list[ast.stmt], header: int | None) -> None:
        """Mark the lines of one body. Simple statements at its start extend the segment of its header."""
        start = last = header if header is not None else -1  # first line of the current run; last line handled
        length = 0 if header is None else 1
        importing: bool | None = None
        for statement in body:
            kind = kind_of(statement)
            line = self._lines.index(statement.lineno)
            if kind in COMPOUND_KINDS:
                self._place_compound(statement, line, kind)
                length = 0
                continue
            if isinstance(statement, DEFINITIONS):
                self._place_definition(statement)
                length = 0
                continue
            if line != last:  # a statement after a semicolon is on the line before and cannot begin a segment
                fits = 0 < length < self._granularity.run and importing in (None, kind == "import")
                start, length = (start, length + 1) if fits else (line, 1)
                importing, last = kind == "import", line
            self._blend(start, kind)

    def _blend(self, line: int, kind: str) -> None:
        """Add a simple statement's kind to the segment that begins at ``line``. A header's kind does not change."""
        present = self._kinds[line]
        if present is None:
            self._kinds[line] = kind
        elif present not in COMPOUND_KINDS and present != kind:
            self._kinds[line] = "run"

    def _place_compound(self, statement: ast.stmt, line: int, kind: str) -> None:
        self._kinds[line] = kind
        length = last_line(statement, self._lines) - line + 1
        if length <= self._granularity.whole and not defines(statement):
            return
        for clause in clauses(statement, self._lines):
            self._kinds[clause.line] = kind
            if not clause.body or is_inline(clause.line, clause.body, self._lines):
                continue
            if clause.bare:
                self._attached.append(first_line(clause.body[0], self._lines))
            self._bodies.append((clause.body, clause.line))

    def _place_definition(self, definition: Definition) -> None:
        line, body = first_line(definition, self._lines), definition.body
        header = self._lines.index(definition.lineno)
        if is_inline(header, body, self._lines):
            self._kinds[line] = "definition"
            return
        self._kinds[line] = "header"
        if has_docstring(body, self._lines):
            if self._granularity.docstrings_apart:
                self._kinds[header + 1] = "docstring"
            body = body[1:]
        self._bodies.append((body, None))
