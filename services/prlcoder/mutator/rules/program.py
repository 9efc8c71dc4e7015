"""A parsed program that knows where each node lies in the text, and what surrounds it.

Node positions of ``ast`` are lines and UTF-8 byte columns; everything here is code points. Annotations, decorators and
docstrings are no sites of rewrites; the inside of f-strings, whose positions Python 3.11 gets wrong, is not analysed
at all beyond its names' scopes.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import Any

from prlcoder.mutator.bytecode import Fingerprint, fingerprint
from prlcoder.mutator.rules.edits import Edit, Edits, Span
from prlcoder.mutator.rules.inference import Inference
from prlcoder.mutator.rules.scopes import Scopes

Sites = dict[type[ast.AST], list[ast.AST]]

_NEWLINE = re.compile(r"\r\n|\r|\n")
_OPERATOR = re.compile(r"[^\s()\\]+(?:\s+(?:not|in)\b)?")
_TIGHT_SUM = re.compile(r"[\w)\]][+-]\w")
_SPACED_SUM = re.compile(r"[\w)\]] [+-] \w")
# Parents that own no parentheses: those next to a child inside them belong to the child.
_BARE_PARENTS = (
    ast.BoolOp,
    ast.BinOp,
    ast.Compare,
    ast.UnaryOp,
    ast.IfExp,
    ast.comprehension,
    ast.If,
    ast.While,
    ast.Return,
    ast.Assign,
    ast.AugAssign,
)


class ProgramAnalysis:
    """The analysis of one source. Raises ``SyntaxError`` or ``ValueError`` if it is not Python.

    ``rewrites`` is for its users: what an operator found at a node, which other segments may share.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.tree = ast.parse(source)
        self._line_starts = [0, *(match.end() for match in _NEWLINE.finditer(source))]
        self._ascii = source.isascii()
        self.parents: dict[ast.AST, ast.AST] = {}
        self._children: dict[ast.AST, list[ast.AST]] = {}
        self._spans: dict[ast.AST, Span] = {}
        self._nodes: list[ast.AST] = []
        self._last_sites: tuple[Span, Sites] | None = None
        self.rewrites: dict[tuple[object, ast.AST], tuple[Edits, ...]] = {}
        self._index()

    def _index(self) -> None:
        stack: list[tuple[ast.AST, bool, bool]] = [(self.tree, False, False)]
        parents, nodes = self.parents, self._nodes
        while stack:
            node, closed, hidden = stack.pop()
            if not hidden:
                if hasattr(node, "col_offset"):
                    self._spans[node] = self._place(node)
                if not closed:
                    nodes.append(node)
            fields = _FIELDS[type(node)]
            if not fields:
                continue
            hidden = hidden or type(node) is ast.JoinedStr
            children = self._children[node] = []
            for field in fields:
                value = getattr(node, field)
                shut = closed or field in _NO_SITES
                for child in value if isinstance(value, list) else (value,):
                    if isinstance(child, ast.AST):
                        children.append(child)
                        parents[child] = node
                        stack.append((child, shut or _is_bare_string(child), hidden))

    def _place(self, node: Any) -> Span:
        starts = self._line_starts
        if self._ascii:
            return Span(starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset)
        return Span(self._offset(node.lineno, node.col_offset), self._offset(node.end_lineno, node.end_col_offset))

    def _offset(self, line: int, column: int) -> int:
        start = self._line_starts[line - 1]
        stop = self._line_starts[line] if line < len(self._line_starts) else len(self.source)
        text = self.source[start:stop]
        return start + (column if text.isascii() else len(text.encode()[:column].decode()))

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """What the source compiles to."""
        return fingerprint(self.source)

    @cached_property
    def scopes(self) -> Scopes:
        """Which scope each name belongs to."""
        return Scopes(self.tree, self._children)

    @cached_property
    def types(self) -> Inference:
        """What is known about the types of expressions."""
        return Inference(self.tree, self.scopes, self.parents)

    @cached_property
    def statements(self) -> list[ast.stmt]:
        """All statements in the order of the source."""
        return sorted((node for node in self._nodes if isinstance(node, ast.stmt)), key=self.span)

    @cached_property
    def kinds(self) -> frozenset[type[ast.AST]]:
        """The types of all nodes."""
        return frozenset(map(type, self._nodes))

    @cached_property
    def newline(self) -> str:
        """The line end that the source uses (its first)."""
        match = _NEWLINE.search(self.source)
        return match.group() if match else "\n"

    @cached_property
    def identifiers(self) -> frozenset[str]:
        """Every word of the source, strings included: a name outside it is fresh."""
        return frozenset(re.findall(r"\w+", self.source))

    @cached_property
    def spaced(self) -> bool:
        """Whether the source writes ``a + 1`` rather than ``a+1``."""
        return len(_SPACED_SUM.findall(self.source)) >= len(_TIGHT_SUM.findall(self.source))

    @cached_property
    def strings(self) -> list[tuple[Span, str]]:
        """Span and text of every string literal that is not a docstring, f-strings whole."""
        return [
            (self._spans[node], self.text(node))
            for node in self._nodes
            if isinstance(node, ast.JoinedStr)
            or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))
        ]

    def literals(self, kind: type) -> list[str]:
        """The distinct one-line literals of this type (``bool`` is not ``int``) in the order of the source."""
        return self._literals.get(kind, [])

    @cached_property
    def _literals(self) -> dict[type, list[str]]:
        found: dict[type, list[str]] = {}
        constants = [node for node in self._nodes if isinstance(node, ast.Constant)]
        for node in sorted(constants, key=self.span):
            texts = found.setdefault(type(node.value), [])
            text = self.text(node)
            if text not in texts and "\n" not in text:
                texts.append(text)
        return found

    def sites(self, span: Span) -> Sites:
        """Rewritable nodes whose text overlaps ``span``, by type; those without a position overlap everything.

        The answer for the last span is kept.
        """
        if self._last_sites is None or self._last_sites[0] != span:
            found: Sites = {}
            first, last = span
            for node in self._nodes:
                start, end = self._spans.get(node, span)
                if start < last and end > first:
                    found.setdefault(type(node), []).append(node)
            self._last_sites = span, found
        return self._last_sites[1]

    def editable(self, node: ast.AST) -> bool:
        """Whether the node has a known place in the text that may be rewritten."""
        return node in self._spans

    def span(self, node: ast.AST) -> Span:
        """Where an expression or statement lies; decorators, parentheses around it and comments are not in it."""
        return self._spans[node]

    def text(self, node: ast.AST) -> str:
        """The node's own text."""
        start, end = self._spans[node]
        return self.source[start:end]

    def outer(self, node: ast.AST) -> Span:
        """The node's span with the parentheses that belong to it, as far as that is certain."""
        parent = self.parents[node]
        start, end = self._spans[node]
        if not isinstance(parent, _BARE_PARENTS):
            return Span(start, end)
        low, high = self._spans.get(parent, Span(0, len(self.source)))
        while True:
            before = len(self.source[low:start].rstrip()) + low
            after = len(self.source) - len(self.source[end:].lstrip()) if end < high else end
            enclosed = before > low and self.source[before - 1] == "(" and self.source[after : after + 1] == ")"
            if not (enclosed and after < high):
                return Span(start, end)
            start, end = before - 1, after + 1

    def outer_text(self, node: ast.AST) -> str:
        """The node's text with its own parentheses."""
        start, end = self.outer(node)
        return self.source[start:end]

    def operator(self, left: ast.AST, right: ast.AST) -> Span | None:
        """The operator between two operands, ``not in`` and ``is not`` whole; None if a comment stands there."""
        start, end = self._spans[left].end, self._spans[right].start
        gap = self.source[start:end]
        match = None if "#" in gap else _OPERATOR.search(gap)
        return Span(start + match.start(), start + match.end()) if match else None

    def replace(self, node: ast.AST, text: str) -> Edit:
        """The edit that puts ``text`` in the node's place."""
        start, end = self._spans[node]
        return Edit(start, end, text)

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around a node, innermost first."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    def statement(self, node: ast.AST) -> ast.stmt:
        """The innermost statement that holds the node (or the node itself)."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def siblings(self, node: ast.stmt) -> list[ast.stmt]:
        """The statement list that the statement stands in."""
        parent = self.parents[node]
        for _, value in ast.iter_fields(parent):
            if isinstance(value, list) and node in value:
                return value
        raise ValueError("a statement is in no statement list")

    def line_start(self, offset: int) -> int:
        """Offset of the first character of the line that holds ``offset``."""
        return self._line_starts[bisect_right(self._line_starts, offset) - 1]

    def line_end(self, offset: int) -> int:
        """Offset just before the line end of the line that holds ``offset``."""
        match = _NEWLINE.search(self.source, offset)
        return match.start() if match else len(self.source)


_LEAVES = frozenset({"id", "attr", "ctx", "op", "ops", "kind", "type_comment"})
_FIELDS = {  # what may hold nodes; contexts and operators count as none, for they have no place
    kind: tuple(field for field in kind._fields if field not in _LEAVES)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
} | {ast.Constant: ()}
_NO_SITES = frozenset({"annotation", "returns", "decorator_list"})


def _is_bare_string(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@lru_cache(maxsize=8)
def analyse(source: str) -> ProgramAnalysis:
    """The program of a source, kept for the next segments of the same source."""
    return ProgramAnalysis(source)
