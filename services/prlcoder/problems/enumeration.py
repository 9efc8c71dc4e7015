"""Finds programs that list their answers instead of computing them.

Such a program passes its tests but teaches nothing, because its steps are entries of a table. The paper rewrote about
twenty of them by hand. Here two rules over the syntax tree find them:

- the program has more than eight sibling statements that contain literals and are equal up to these literals (the
  branches of an ``if``/``elif`` chain and the cases of a ``match`` count as siblings);
- its literal tables (displays of more than eight literals) have more text than the rest of the program.
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

MAX_EQUAL_ENTRIES: Final = 8  # more equal siblings, or more literals in a display, count as an enumeration

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
    """A description of how the program enumerates; None if it does not enumerate or is not Python."""
    source = unify_line_ends(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        equal = _most_equal_siblings(tree)
        if equal > MAX_EQUAL_ENTRIES:
            return f"{equal} sibling statements are equal up to literals"
        table, rest = _sizes(source, tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError):
        return None
    return f"{table} characters of literal tables, {rest} of other code" if table > rest else None


def _most_equal_siblings(tree: ast.AST) -> int:
    """The largest number of siblings that are equal up to literals."""
    most = 0
    for siblings in _sibling_groups(tree):
        if len(siblings) > MAX_EQUAL_ENTRIES:
            shapes = Counter(shape for shape, literals in map(_shape_of, siblings) if literals)
            most = max([most, *shapes.values()])
    return most


def _sibling_groups(tree: ast.AST) -> Iterator[Sequence[Sequence[ast.AST]]]:
    """Yields every list of siblings. A sibling is one statement, or the test and the body of one branch."""
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
    """The sibling's syntax tree with every literal replaced by the same mark, and whether it contains a literal."""
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
    """Whether the node is a constant, a signed number, or a display of literals of any length."""
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
    """Counts the characters of code in literal tables and elsewhere, without layout, comments and docstrings."""
    lines = source.split("\n")
    tables, docstrings = _Spans(_tables(tree), lines), _Spans(_docstrings(tree), lines)
    table = rest = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in _LAYOUT or token.start in docstrings:
            continue
        if token.start in tables:
            table += len(token.string)
        else:
            rest += len(token.string)
    return table, rest


def _tables(node: ast.AST) -> Iterator[ast.expr]:
    """The outermost displays of more than ``MAX_EQUAL_ENTRIES`` literals."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Display) and _is_literal(child):
            if _leaves(child) > MAX_EQUAL_ENTRIES:
                yield child
        else:
            yield from _tables(child)


def _docstrings(tree: ast.AST) -> Iterator[ast.stmt]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node


_Position = tuple[int, int]  # line from 1, column in characters


class _Spans:
    """The positions of disjoint nodes in the columns of ``tokenize``; those of ``ast`` count bytes of UTF-8."""

    def __init__(self, nodes: Iterator[ast.expr | ast.stmt], lines: list[str]) -> None:
        self._spans = sorted(
            (
                _position(lines, node.lineno, node.col_offset),
                _position(lines, node.end_lineno or node.lineno, node.end_col_offset or node.col_offset),
            )
            for node in nodes
        )

    def __contains__(self, position: _Position) -> bool:
        index = bisect.bisect_right(self._spans, position, key=lambda span: span[0]) - 1
        return index >= 0 and position < self._spans[index][1]


def _position(lines: list[str], line: int, column: int) -> _Position:
    return line, len(lines[line - 1].encode()[:column].decode())
