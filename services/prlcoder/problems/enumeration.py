"""Programs that list their answers instead of computing them.

Such a program passes its tests and teaches nothing: its steps are entries of a table. The paper rewrote about twenty
of them by hand; here they are found by two rules, both read off the syntax tree:

- more than eight sibling statements that are equal up to literals (branches of one ``if``/``elif`` chain and cases of
  one ``match`` are siblings too), where there are literals in them at all;
- literal tables (displays of more than eight literals) with more text than the rest of the program.
"""

from __future__ import annotations

import ast
import bisect
import io
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from prlcoder.problems.indentation import unify_line_ends

MOST: Final = 8  # siblings, or literals of a display, that are not yet an enumeration

_Display = ast.List | ast.Tuple | ast.Set | ast.Dict
_LAYOUT = frozenset(
    {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
        tokenize.ENCODING,
    }
)


def enumeration(source: str) -> str | None:
    """How the program enumerates, in words; None if it does not, or is not Python."""
    source = unify_line_ends(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        alike = _most_alike(tree)
        if alike > MOST:
            return f"{alike} sibling statements are equal up to literals"
        table, rest = _sizes(source, tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError):
        return None
    return f"{table} characters of literal tables, {rest} of other code" if table > rest else None


def _most_alike(tree: ast.AST) -> int:
    """The largest number of siblings of one shape."""
    most = 0
    for siblings in _sibling_groups(tree):
        if len(siblings) > MOST:
            shapes = Counter(shape for shape, literals in map(_shape_of, siblings) if literals)
            most = max([most, *shapes.values()])
    return most


def _sibling_groups(tree: ast.AST) -> Iterator[Sequence[Sequence[ast.AST]]]:
    """Every list of siblings; a sibling is one statement, or the test and body of one branch."""
    inner_branches: set[int] = set()
    for node in ast.walk(tree):
        for _, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                yield [[statement] for statement in value]
        if isinstance(node, ast.If) and id(node) not in inner_branches:
            chain = list(_chain(node))
            inner_branches.update(id(branch) for branch in chain[1:])
            yield [[branch.test, *branch.body] for branch in chain]
        elif isinstance(node, ast.Match):
            yield [[case.pattern, *case.body] for case in node.cases]


def _chain(first: ast.If) -> Iterator[ast.If]:
    yield first
    while len(first.orelse) == 1 and isinstance(first.orelse[0], ast.If):
        first = first.orelse[0]
        yield first


def _shape_of(sibling: Sequence[ast.AST]) -> tuple[str, bool]:
    """The sibling's tree with every literal as the same mark, and whether it has any."""
    shapes = [_shape(node) for node in sibling]
    return " ".join(shapes), any(_MARK in shape for shape in shapes)


_MARK = "\N{LOZENGE}"


def _shape(node: ast.AST) -> str:
    if _is_literal(node):
        return _MARK
    parts = [type(node).__name__]
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            parts.append(_shape(value))
        elif isinstance(value, list):
            inner = (_shape(item) if isinstance(item, ast.AST) else str(item) for item in value)
            parts.append(f"[{' '.join(inner)}]")
        elif name not in ("type_comment", "kind"):
            parts.append(str(value))
    return f"({' '.join(parts)})"


def _is_literal(node: ast.AST) -> bool:
    """A constant, a signed number, or a display of literals (so that entries of any length are alike)."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return isinstance(node.operand, ast.Constant)
    if isinstance(node, _Display):
        return all(map(_is_literal, _entries(node)))
    return False


def _entries(display: _Display) -> list[ast.expr]:
    if isinstance(display, ast.Dict):
        return [*(key for key in display.keys if key is not None), *display.values]
    return display.elts


def _leaves(node: ast.AST) -> int:
    return sum(map(_leaves, _entries(node))) if isinstance(node, _Display) else 1


def _sizes(source: str, tree: ast.AST) -> tuple[int, int]:
    """Characters of code in literal tables and elsewhere. Layout, comments and docstrings are not code."""
    lines = source.split("\n")
    tables, unread = _Spans(_tables(tree), lines), _Spans(_docstrings(tree), lines)
    table = rest = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in _LAYOUT or token.start in unread:
            continue
        if token.start in tables:
            table += len(token.string)
        else:
            rest += len(token.string)
    return table, rest


def _tables(node: ast.AST) -> Iterator[ast.expr]:
    """Displays of more than ``MOST`` literals, the outermost ones."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Display) and _is_literal(child):
            if _leaves(child) > MOST:
                yield child
        else:
            yield from _tables(child)


def _docstrings(tree: ast.AST) -> Iterator[ast.stmt]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node


_Place = tuple[int, int]  # line from 1, column in characters


class _Spans:
    """Where some disjoint nodes stand, as ``tokenize`` counts (ast's columns are bytes of UTF-8)."""

    def __init__(self, nodes: Iterator[ast.expr | ast.stmt], lines: list[str]) -> None:
        self._spans = sorted(
            (
                _place(lines, node.lineno, node.col_offset),
                _place(lines, node.end_lineno or node.lineno, node.end_col_offset or node.col_offset),
            )
            for node in nodes
        )

    def __contains__(self, place: _Place) -> bool:
        index = bisect.bisect_right(self._spans, place, key=lambda span: span[0]) - 1
        return index >= 0 and place < self._spans[index][1]


def _place(lines: list[str], line: int, column: int) -> _Place:
    return line, len(lines[line - 1].encode()[:column].decode())
