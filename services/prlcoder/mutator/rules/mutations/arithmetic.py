"""Operation errors: the wrong arithmetic."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from prlcoder.mutator.rules.edits import Edit, Edits, swap
from prlcoder.mutator.rules.inference import SIZED
from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.mutator.rules.registry import BugClass, mutation

_ARITHMETIC = {
    ast.Add: ("-", "*"),
    ast.Sub: ("+",),
    ast.Mult: ("+",),
    ast.Div: ("*",),
    ast.Pow: ("*",),
    ast.BitAnd: ("|",),
    ast.BitOr: ("&", "^"),
    ast.BitXor: ("|", "&"),
    ast.LShift: (">>",),
    ast.RShift: ("<<",),
}
_DIVISION = {ast.FloorDiv: ("/",), ast.Div: ("//",), ast.Mod: ("//",)}
_AUGMENTED = {
    ast.Add: ("-=",),
    ast.Sub: ("+=",),
    ast.Mult: ("+=",),
    ast.Div: ("//=", "*="),
    ast.FloorDiv: ("/=", "-="),
    ast.Mod: ("//=",),
    ast.BitAnd: ("|=",),
    ast.BitOr: ("&=", "^="),
    ast.BitXor: ("|=", "&="),
    ast.LShift: (">>=",),
    ast.RShift: ("<<=",),
}
_ORDERED = (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.LShift, ast.RShift)


def _replace_operator(
    node: ast.BinOp, program: ProgramAnalysis, table: Mapping[type[ast.operator], tuple[str, ...]]
) -> Iterator[Edits]:
    """Yield the table's replacements for this operator, unless an operand is known not to be a number."""
    texts = table.get(type(node.op), ())
    if not texts or any(program.types.name_is(side, SIZED) for side in (node.left, node.right)):
        return
    if place := program.operator(node.left, node.right):
        for text in texts:
            yield (Edit(*place, text),)


@mutation("arithmetic-operator", BugClass.OPERATION, 7, (ast.BinOp,), "x = a + b", "x = a - b")
def arithmetic_operator(node: ast.BinOp, program: ProgramAnalysis) -> Iterator[Edits]:
    """Another arithmetic or bitwise operator."""
    return _replace_operator(node, program, _ARITHMETIC)


@mutation("division-kind", BugClass.OPERATION, 4, (ast.BinOp,), "mid = (low + high) // 2", "mid = (low + high) / 2")
def division_kind(node: ast.BinOp, program: ProgramAnalysis) -> Iterator[Edits]:
    """True division, floor division and remainder are confused."""
    return _replace_operator(node, program, _DIVISION)


@mutation("operands-swapped", BugClass.OPERATION, 3, (ast.BinOp,), "x = a - b", "x = b - a")
def operands_swapped(node: ast.BinOp, program: ProgramAnalysis) -> Iterator[Edits]:
    """The operands of an operator that does not commute are exchanged."""
    if isinstance(node.op, _ORDERED) and not program.types.name_is(node.left, SIZED):
        yield swap(program.source, program.outer(node.left), program.outer(node.right))


@mutation("precedence", BugClass.OPERATION, 2, (ast.BinOp,), "mean = (a + b) / 2", "mean = a + b / 2")
def precedence(node: ast.BinOp, program: ProgramAnalysis) -> Iterator[Edits]:
    """Parentheses that determine the order of evaluation are forgotten."""
    for side in (node.left, node.right):
        inner, outer = program.span(side), program.outer(side)
        if inner != outer and isinstance(side, ast.BinOp | ast.IfExp):
            yield (Edit(outer.start, inner.start, ""), Edit(inner.end, outer.end, ""))


@mutation("modulo-missing", BugClass.OPERATION, 2, (ast.BinOp,), "x = (a + b) % MOD", "x = a + b")
def modulo_missing(node: ast.BinOp, program: ProgramAnalysis) -> Iterator[Edits]:
    """The reduction by a modulus is forgotten."""
    if not isinstance(node.op, ast.Mod) or program.types.name_is(node.left, frozenset({"str"})):
        return
    alone = not isinstance(program.parents[node], ast.expr)
    kept = program.text(node.left) if alone else program.outer_text(node.left)
    yield (program.replace(node, kept),)


@mutation("augmented-operator", BugClass.OPERATION, 5, (ast.AugAssign,), "total += x", "total -= x")
def augmented_operator(node: ast.AugAssign, program: ProgramAnalysis) -> Iterator[Edits]:
    """Another operator in an augmented assignment."""
    if program.types.name_is(node.value, SIZED):
        return
    if place := program.operator(node.target, node.value):
        for text in _AUGMENTED.get(type(node.op), ()):
            yield (Edit(*place, text),)


@mutation("augmented-as-plain", BugClass.OPERATION, 4, (ast.AugAssign,), "total += x", "total = x")
def augmented_as_plain(node: ast.AugAssign, program: ProgramAnalysis) -> Iterator[Edits]:
    """The value replaces the accumulated one instead of being added to it."""
    if place := program.operator(node.target, node.value):
        yield (Edit(*place, "="),)


@mutation("sign-missing", BugClass.OPERATION, 2, (ast.UnaryOp,), "key = -x", "key = x")
def sign_missing(node: ast.UnaryOp, program: ProgramAnalysis) -> Iterator[Edits]:
    """A minus sign (of anything but a literal) is forgotten."""
    if isinstance(node.op, ast.USub | ast.Invert) and not isinstance(node.operand, ast.Constant):
        yield (Edit(program.span(node).start, program.outer(node.operand).start, ""),)
