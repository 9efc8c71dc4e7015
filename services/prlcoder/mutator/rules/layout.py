"""Statements as lines of text: finds a statement's lines, deletes and re-indents them."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from prlcoder.mutator.rules.edits import Edit, Edits, Span
from prlcoder.mutator.rules.program import ProgramAnalysis


def own_lines(program: ProgramAnalysis, node: ast.stmt) -> Span | None:
    """Return the statement's lines without the last line end; None if it shares lines or has a decorator."""
    if getattr(node, "decorator_list", None):
        return None
    start, end = program.span(node)
    first, last = program.line_start(start), program.line_end(end)
    tail = program.source[end:last].lstrip()
    if program.source[first:start].strip() or (tail and not tail.startswith("#")):
        return None
    return Span(first, last)


def block(program: ProgramAnalysis, body: Sequence[ast.stmt]) -> Span | None:
    """Return the lines of a statement list without the last line end; None if other code shares them."""
    first, last = own_lines(program, body[0]), own_lines(program, body[-1])
    return Span(first.start, last.end) if first and last else None


def indent(program: ProgramAnalysis, node: ast.stmt) -> str:
    """Return the whitespace at the start of the statement's line."""
    start = program.span(node).start
    line = program.source[program.line_start(start) : start]
    return line[: len(line) - len(line.lstrip())]


def indentation(program: ProgramAnalysis) -> str:
    """Return one level of the program's indentation, taken from its first nested statement."""
    for node in ast.walk(program.tree):
        body = getattr(node, "body", None)
        if isinstance(node, ast.stmt) and isinstance(body, list) and block(program, body):
            return indent(program, body[0])[len(indent(program, node)) :]
    return "    "


def delete_lines(program: ProgramAnalysis, lines: Span) -> Edit:
    """Delete whole lines with the line end after them, or at the end of the file with the one before them."""
    rest = program.source[lines.end :]
    if rest:
        return Edit(lines.start, lines.end + (2 if rest.startswith("\r\n") else 1), "")
    before = program.source[: lines.start].rstrip("\r\n")
    return Edit(len(before), lines.end, "")


def reindent(program: ProgramAnalysis, lines: Span, old: str, new: str) -> Edits | None:
    """Replace the indentation ``old`` of all lines by ``new``.

    Returns None if a line has another indentation, or if a string spans lines (its content would change).
    """
    edits: list[Edit] = []
    if old == new or has_long_string(program, lines):
        return None
    start = lines.start
    while start < lines.end:
        end = program.line_end(start)
        if program.source[start:end].strip():
            if not program.source.startswith(old, start):
                return None
            edits.append(Edit(start, start + len(old), new))
        start = end + (2 if program.source.startswith("\r\n", end) else 1)
    return tuple(edits)


def has_long_string(program: ProgramAnalysis, span: Span) -> bool:
    """Whether a string literal in the span contains a line end."""
    return any(
        start < span.end and end > span.start and ("\n" in text or "\r" in text)
        for (start, end), text in program.strings
    )


def is_elif(program: ProgramAnalysis, node: ast.stmt) -> bool:
    """Whether the statement is the ``elif`` clause of another."""
    return isinstance(node, ast.If) and program.source.startswith("elif", program.span(node).start)


def has_else(program: ProgramAnalysis, node: ast.If) -> bool:
    """Whether the statement has an ``else`` clause. An ``elif`` is not one."""
    return bool(node.orelse) and not (len(node.orelse) == 1 and is_elif(program, node.orelse[0]))


def else_line(program: ProgramAnalysis, node: ast.If | ast.For | ast.While) -> Span | None:
    """Return the line of ``else:`` without its line end; None if it also holds other code or a comment."""
    start = program.source.rfind("else", program.span(node.body[-1]).end, program.span(node.orelse[0]).start)
    first, last = program.line_start(start), program.line_end(start)
    text = program.source[first:last]
    return Span(first, last) if text.strip().replace(" ", "") == "else:" else None
