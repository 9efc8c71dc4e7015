"""Syntax errors. The teacher limits their share."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from prlcoder.mutator.rules.edits import Edit, Edits
from prlcoder.mutator.rules.layout import indent, own_lines, reindent
from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.mutator.rules.registry import BugClass, mutation


@mutation("colon-missing", BugClass.SYNTAX, 1, (ast.If, ast.While, ast.For), "if a:\n    go()", "if a\n    go()")
def colon_missing(node: ast.If | ast.While | ast.For, program: ProgramAnalysis) -> Iterator[Edits]:
    """The colon of a header is forgotten."""
    header = node.iter if isinstance(node, ast.For) else node.test
    start, stop = program.outer(header).end, program.span(node.body[0]).start
    place = program.source.find(":", start, stop)
    if place >= 0 and not program.source[start:place].strip(" \t)"):
        yield (Edit(place, place + 1, ""),)


@mutation("indent-missing", BugClass.SYNTAX, 1, (ast.If, ast.While, ast.For), "if a:\n    go()", "if a:\ngo()")
def indent_missing(node: ast.If | ast.While | ast.For, program: ProgramAnalysis) -> Iterator[Edits]:
    """The first line of a body is not indented."""
    lines = own_lines(program, node.body[0])
    if lines and (edits := reindent(program, lines, indent(program, node.body[0]), indent(program, node))):
        yield edits


@mutation("parenthesis-missing", BugClass.SYNTAX, 1, (ast.Call,), "x = int(s)", "x = int(s")
def parenthesis_missing(node: ast.Call, program: ProgramAnalysis) -> Iterator[Edits]:
    """The closing parenthesis of a call is forgotten."""
    end = program.span(node).end
    yield (Edit(end - 1, end, ""),)
