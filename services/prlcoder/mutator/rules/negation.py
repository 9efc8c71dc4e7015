"""Negates a condition in the form that a programmer would write."""

from __future__ import annotations

import ast

from prlcoder.mutator.rules.inference import INT, STR
from prlcoder.mutator.rules.program import ProgramAnalysis

_OPPOSITES = {
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Is: "is not",
    ast.IsNot: "is",
}
_TOTAL_OPPOSITES = {ast.Lt: ">=", ast.LtE: ">", ast.Gt: "<=", ast.GtE: "<"}
_ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant)


def negated(test: ast.expr, program: ProgramAnalysis) -> str:
    """Return a condition with the opposite truth value that evaluates the same parts.

    An order comparison is inverted (``<`` to ``>=``) only between ints or strings, because sets and NaN have no total
    order. Otherwise the text is prefixed by ``not``.
    """
    text = program.text(test)
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return program.text(operand)
        case ast.Compare(ops=[op], left=left, comparators=[right]):
            opposite = _OPPOSITES.get(type(op)) or _total_opposite(op, left, right, program)
            place = program.operator(left, right)
            if opposite and place:
                start, end = program.span(test)
                return program.source[start : place.start] + opposite + program.source[place.end : end]
            return f"not {text}"
    return f"not {text}" if isinstance(test, _ATOMS) else f"not ({text})"


def _total_opposite(op: ast.cmpop, left: ast.expr, right: ast.expr, program: ProgramAnalysis) -> str | None:
    types = (program.types.of(left), program.types.of(right))
    return _TOTAL_OPPOSITES.get(type(op)) if types in ((INT, INT), (STR, STR)) else None
