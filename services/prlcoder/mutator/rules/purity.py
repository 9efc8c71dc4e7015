"""Decides which expressions can be evaluated in another order, or repeatedly, without changing the result."""

from __future__ import annotations

import ast

from prlcoder.mutator.rules.program import ProgramAnalysis

_PURE_CALLS = frozenset({"len", "abs", "min", "max", "ord", "chr", "int", "float", "str", "bool", "round"})
_PURE_NODES = (
    ast.Name,
    ast.Constant,
    ast.UnaryOp,
    ast.BinOp,
    ast.Compare,
    ast.BoolOp,
    ast.Attribute,
    ast.Tuple,
)
_INDEXED = frozenset({"list", "str", "tuple"})
_INERT_NODES = (ast.Name, ast.Constant, ast.UnaryOp, ast.BinOp)


def is_pure(node: ast.expr, program: ProgramAnalysis) -> bool:
    """Whether the expression calls only known builtins and subscripts only known sequences.

    Subscripts of other objects may have side effects: reading a ``defaultdict`` adds a key.
    """
    return all(
        _is_pure_node(part, program) for part in ast.walk(node) if isinstance(part, ast.expr | ast.comprehension)
    )


def _is_pure_node(node: ast.AST, program: ProgramAnalysis) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name), keywords=[]) if program.scopes.is_builtin(node.func):
            return name in _PURE_CALLS
        case ast.Subscript(value=value, slice=ast.Slice()):
            return True
        case ast.Subscript(value=value):
            return program.types.name_is(value, _INDEXED)
        case ast.Slice():
            return True
    return isinstance(node, _PURE_NODES)


def is_inert(node: ast.expr) -> bool:
    """Whether the expression consists of names, literals and arithmetic only.

    Its value then does not depend on when other expressions without assignments are evaluated.
    """
    return all(isinstance(part, _INERT_NODES) for part in ast.walk(node) if isinstance(part, ast.expr))


def may_reorder(left: ast.expr, right: ast.expr, program: ProgramAnalysis) -> bool:
    """Whether two expressions can be evaluated in either order."""
    return is_pure(left, program) and is_pure(right, program)
