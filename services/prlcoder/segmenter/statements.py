"""Questions that the grouping rules ask of a syntax tree: kinds of statements, clauses, definitions.

All positions are indices of logical lines, so columns do not matter. ``ast`` has no node for ``else:`` and
``finally:``; they are found by position, on the logical line after the body that precedes them.
"""

from __future__ import annotations

import ast
from typing import NamedTuple

from prlcoder.segmenter.lines import LogicalLines

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

_KINDS = {
    "Import": "import",
    "ImportFrom": "import",
    "Assign": "assign",
    "AugAssign": "assign",
    "AnnAssign": "assign",
    "TypeAlias": "assign",
    "Delete": "assign",
    "Expr": "expr",
    "Return": "return",
    "Break": "control",
    "Continue": "control",
    "Pass": "control",
    "Raise": "control",
    "Assert": "control",
    "Global": "control",
    "Nonlocal": "control",
    "If": "if",
    "For": "for",
    "AsyncFor": "for",
    "While": "while",
    "With": "with",
    "AsyncWith": "with",
    "Try": "try",
    "TryStar": "try",
    "Match": "match",
    "FunctionDef": "definition",
    "AsyncFunctionDef": "definition",
    "ClassDef": "definition",
}
COMPOUND_KINDS = frozenset({"if", "for", "while", "with", "try", "match"})
_NESTED = ("body", "handlers", "orelse", "finalbody", "cases")


class Clause(NamedTuple):
    """One clause of a compound statement: ``elif x:`` with its body, ``else:`` with its body, ..."""

    line: int
    body: list[ast.stmt]
    bare: bool  # the header is a keyword alone: else, try or finally


def kind_of(statement: ast.stmt) -> str:
    """Return the kind of a statement, which depends on its type alone."""
    return _KINDS[type(statement).__name__]


def first_line(statement: ast.stmt, lines: LogicalLines) -> int:
    """Return the logical line on which a statement, including its decorators, begins."""
    if isinstance(statement, DEFINITIONS) and statement.decorator_list:
        return lines.index(statement.decorator_list[0].lineno)
    return lines.index(statement.lineno)


def last_line(statement: ast.stmt, lines: LogicalLines) -> int:
    """Return the logical line on which a statement ends."""
    assert statement.end_lineno is not None  # the parser always sets it
    return lines.index(statement.end_lineno)


def is_inline(line: int, body: list[ast.stmt], lines: LogicalLines) -> bool:
    """Whether a body is on the line of its header, as in ``if x: y``."""
    return lines.index(body[0].lineno) == line


def has_docstring(body: list[ast.stmt], lines: LogicalLines) -> bool:
    """Whether a body begins with a string constant that is alone on its logical line."""
    first = body[0] if body else None
    if not (isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)):
        return False
    alone = len(body) == 1 or last_line(first, lines) < first_line(body[1], lines)
    return isinstance(first.value.value, str) and alone


def defines(statement: ast.stmt) -> bool:
    """Whether a function or class is defined anywhere in a statement."""
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        if isinstance(node, DEFINITIONS):
            return True
        for field in _NESTED:
            pending.extend(getattr(node, field, ()))
    return False


def clauses(statement: ast.stmt, lines: LogicalLines) -> list[Clause]:
    """Return the clauses of a compound statement, in order. A ``match`` header is a clause without a body."""
    line = lines.index(statement.lineno)
    if isinstance(statement, ast.If):
        return _if_clauses(statement, line, lines)
    if isinstance(statement, (ast.Try, ast.TryStar)):
        return _try_clauses(statement, line, lines)
    if isinstance(statement, ast.Match):
        cases = [Clause(lines.index(case.pattern.lineno), case.body, False) for case in statement.cases]
        return [Clause(line, [], False), *cases]
    assert isinstance(statement, (ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith))
    orelse: list[ast.stmt] = getattr(statement, "orelse", [])
    return [Clause(line, statement.body, False), *_bare_clauses(statement.body, [orelse], lines)]


def _if_clauses(statement: ast.If, line: int, lines: LogicalLines) -> list[Clause]:
    """Follow the ``elif`` chain in a loop: each ``elif`` is a nested ``If``, and chains of thousands are valid."""
    found = [Clause(line, statement.body, False)]
    while statement.orelse:
        line = last_line(statement.body[-1], lines) + 1
        only = statement.orelse[0]
        # In the tree, `else: if` and `elif` look the same. They differ in position: a nested `if` is on the line below
        # its `else:`, an `elif` on the line where the `else:` would be.
        if not (isinstance(only, ast.If) and lines.index(only.lineno) == line):
            found.append(Clause(line, statement.orelse, True))
            break
        found.append(Clause(line, only.body, False))
        statement = only
    return found


def _try_clauses(statement: ast.Try | ast.TryStar, line: int, lines: LogicalLines) -> list[Clause]:
    handlers = [Clause(lines.index(handler.lineno), handler.body, False) for handler in statement.handlers]
    body = statement.handlers[-1].body if statement.handlers else statement.body
    rest = _bare_clauses(body, [statement.orelse, statement.finalbody], lines)
    return [Clause(line, statement.body, True), *handlers, *rest]


def _bare_clauses(before: list[ast.stmt], bodies: list[list[ast.stmt]], lines: LogicalLines) -> list[Clause]:
    """Return the clauses of those bodies that are not empty; each begins on the line after the body before it."""
    found = []
    for body in filter(None, bodies):
        found.append(Clause(last_line(before[-1], lines) + 1, body, True))
        before = body
    return found
