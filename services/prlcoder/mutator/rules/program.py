"""A parsed program that knows the position of each node in the text, and its surroundings.

``ast`` reports positions as lines and UTF-8 byte columns; all positions here are code points. Annotations, decorators
and docstrings are not rewritten. Python 3.11 reports wrong positions inside f-strings, so their inside is not analysed,
except for the scopes of its names.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import Any

from prlcoder.mutator.equivalence import Fingerprint, fingerprint
from prlcoder.mutator.rules.edits import Edit, Edits, Span
from prlcoder.mutator.rules.inference import Inference
from prlcoder.mutator.rules.scopes import Scopes

Sites = dict[type[ast.AST], list[ast.AST]]

_NEWLINE = re.compile(r"\r\n|\r|\n")
_OPERATOR = re.compile(r"[^\s()\\]+(?:\s+(?:not|in)\b)?")
_TIGHT_SUM = re.compile(r"[\w)\]][+-]\w")
_SPACED_SUM = re.compile(r"[\w)\]] [+-] \w")
# Parents whose syntax has no parentheses of its own. Parentheses around a child inside them belong to the child.
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
    """The analysis of one source text. Raises ``SyntaxError`` or ``ValueError`` if it is not valid Python.

    ``rewrites`` is a cache for its users: the rewrites that an operator found at a node, because one node may overlap
    several segments.
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
        """The bytecode fingerprint of the source."""
        return fingerprint(self.source)

    @cached_property
    def scopes(self) -> Scopes:
        """The scopes of all names."""
        return Scopes(self.tree, self._children)

    @cached_property
    def types(self) -> Inference:
        """The inferred types of expressions."""
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
        """The line end that the source uses: its first one."""
        match = _NEWLINE.search(self.source)
        return match.group() if match else "\n"

    @cached_property
    def identifiers(self) -> frozenset[str]:
        """Every word of the source, including words in strings. A name outside this set is new to the program."""
        return frozenset(re.findall(r"\w+", self.source))

    @cached_property
    def spaced(self) -> bool:
        """Whether the source writes ``a + 1`` rather than ``a+1``."""
        return len(_SPACED_SUM.findall(self.source)) >= len(_TIGHT_SUM.findall(self.source))

    @cached_property
    def strings(self) -> list[tuple[Span, str]]:
        """Span and text of every string literal except docstrings. An f-string is one literal."""
        return [
            (self._spans[node], self.text(node))
            for node in self._nodes
            if isinstance(node, ast.JoinedStr)
            or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))
        ]

    def literals(self, kind: type) -> list[str]:
        """Return the distinct one-line literals of exactly this type, in the order of the source."""
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
        """Return, by type, the rewritable nodes whose text overlaps ``span``.

        Nodes without a position overlap every span. The result for the last span is cached.
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
        """Whether the node has a known position in the text and may be rewritten."""
        return node in self._spans

    def span(self, node: ast.AST) -> Span:
        """Return the span of an expression or statement, without decorators, surrounding parentheses and comments."""
        return self._spans[node]

    def text(self, node: ast.AST) -> str:
        """Return the text of the node's span."""
        start, end = self._spans[node]
        return self.source[start:end]

    def outer(self, node: ast.AST) -> Span:
        """Return the node's span with the parentheses that certainly belong to it."""
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
        """Return the node's text with its own parentheses."""
        start, end = self.outer(node)
        return self.source[start:end]

    def operator(self, left: ast.AST, right: ast.AST) -> Span | None:
        """Return the span of the operator between two operands; None if there is a comment between them.

        ``not in`` and ``is not`` are one operator.
        """
        start, end = self._spans[left].end, self._spans[right].start
        gap = self.source[start:end]
        match = None if "#" in gap else _OPERATOR.search(gap)
        return Span(start + match.start(), start + match.end()) if match else None

    def replace(self, node: ast.AST, text: str) -> Edit:
        """Return the edit that replaces the node by ``text``."""
        start, end = self._spans[node]
        return Edit(start, end, text)

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the nodes that enclose a node, innermost first."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    def statement(self, node: ast.AST) -> ast.stmt:
        """Return the innermost statement that contains the node, or the node itself if it is a statement."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def siblings(self, node: ast.stmt) -> list[ast.stmt]:
        """Return the statement list that contains the statement."""
        parent = self.parents[node]
        for _, value in ast.iter_fields(parent):
            if isinstance(value, list) and node in value:
                return value
        raise ValueError("a statement is in no statement list")

    def line_start(self, offset: int) -> int:
        """Return the offset of the first character of the line that contains ``offset``."""
        return self._line_starts[bisect_right(self._line_starts, offset) - 1]

    def line_end(self, offset: int) -> int:
        """Return the offset just before the line end of the line that contains ``offset``."""
        match = _NEWLINE.search(self.source, offset)
        return match.start() if match else len(self.source)


_LEAVES = frozenset({"id", "attr", "ctx", "op", "ops", "kind", "type_comment"})
_FIELDS = {  # the fields of each node type that hold nodes with a position; contexts and operators have none
    kind: tuple(field for field in kind._fields if field not in _LEAVES)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
} | {ast.Constant: ()}
_NO_SITES = frozenset({"annotation", "returns", "decorator_list"})


def _is_bare_string(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@lru_cache(maxsize=8)
def analyse(source: str) -> ProgramAnalysis:
    """Return the analysis of a source. It is cached, because all segments of one source need it."""
    return ProgramAnalysis(source)
