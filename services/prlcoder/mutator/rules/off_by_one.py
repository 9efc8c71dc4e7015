"""Adds one to an integer expression, or subtracts one, in the form that a programmer would write."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from prlcoder.mutator.rules.program import ProgramAnalysis

_SHIFTED = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)


def off_by_one_texts(node: ast.expr, program: ProgramAnalysis) -> Iterator[tuple[int, str]]:
    """Yield (1 or -1, text) where the sum has a common form: ``n - 1`` plus one is ``n``."""
    match node:
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            yield from ((1, str(value + 1)), (-1, str(value - 1)))
        case ast.BinOp(op=ast.Add() | ast.Sub() as op, right=ast.Constant(value=1)):
            yield (-1 if isinstance(op, ast.Add) else 1), program.outer_text(node.left)
        case ast.BinOp(op=ast.Add() | ast.Sub() as op, right=ast.Constant(value=int(value)) as constant):
            head = program.source[program.span(node).start : program.span(constant).start]
            sign = 1 if isinstance(op, ast.Add) else -1
            yield from ((sign, f"{head}{value + 1}"), (-sign, f"{head}{value - 1}"))
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.FloorDiv()):
            yield from _with_one(node, program)
        case _ if isinstance(node, _SHIFTED):
            yield from _with_one(node, program)


def _with_one(node: ast.expr, program: ProgramAnalysis) -> Iterator[tuple[int, str]]:
    space = " " if program.spaced else ""
    for step, sign in ((-1, "-"), (1, "+")):
        yield step, f"{program.text(node)}{space}{sign}{space}1"
