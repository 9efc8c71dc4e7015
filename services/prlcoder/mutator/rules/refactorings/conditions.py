"""Conditions in another form."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from prlcoder.mutator.rules.edits import Edit, Edits, swap
from prlcoder.mutator.rules.inference import INT, SIZED
from prlcoder.mutator.rules.negation import negated
from prlcoder.mutator.rules.off_by_one import off_by_one_texts
from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.mutator.rules.purity import is_pure
from prlcoder.mutator.rules.registry import refactoring

_MIRRORED = {ast.Lt: ">", ast.LtE: ">=", ast.Gt: "<", ast.GtE: "<=", ast.Eq: "==", ast.NotEq: "!="}
_SHIFTED = {ast.Lt: ("<=", -1), ast.LtE: ("<", 1), ast.Gt: (">=", 1), ast.GtE: (">", -1)}
_BARE_PLACES = (ast.If, ast.While, ast.Return, ast.Assign, ast.comprehension)
_TESTED = (ast.If, ast.While, ast.IfExp)


@refactoring("comparison-flip", 5, (ast.Compare,), "operands without side effects", "ok = a < b", "ok = b > a")
def comparison_flip(node: ast.Compare, program: ProgramAnalysis) -> Iterator[Edits]:
    """``a < b`` as ``b > a``, but not ``0 == x``, which nobody writes."""
    mirrored = _MIRRORED.get(type(node.ops[0]))
    left, right = node.left, node.comparators[0]
    if mirrored is None or len(node.ops) > 1 or not (is_pure(left, program) and is_pure(right, program)):
        return
    if isinstance(node.ops[0], ast.Eq | ast.NotEq) and isinstance(right, ast.Constant):
        return
    if place := program.operator(left, right):
        yield (*swap(program.source, program.outer(left), program.outer(right)), Edit(*place, mirrored))


@refactoring(
    "chain-split",
    3,
    (ast.Compare,),
    "the middle operand has no side effects",
    "ok = 0 <= i < n",
    "ok = 0 <= i and i < n",
)
def chain_split(node: ast.Compare, program: ProgramAnalysis) -> Iterator[Edits]:
    """A chained comparison as two comparisons joined by ``and``."""
    if len(node.ops) != 2 or not is_pure(node.comparators[0], program):
        return
    text = program.text(node)
    if "\n" in text or "#" in text:
        return
    middle = program.outer(node.comparators[0])
    start, end = program.span(node)
    inner = program.source[middle.start : middle.end]
    split = f"{program.source[start : middle.end]} and {inner}{program.source[middle.end : end]}"
    bare = isinstance(program.parents[node], _BARE_PLACES) or program.outer(node) != program.span(node)
    yield (program.replace(node, split if bare else f"({split})"),)


@refactoring(
    "de-morgan",
    4,
    (ast.UnaryOp,),
    "the condition of an `if`, `while` or conditional expression",
    "if not (a and b):\n    go()",
    "if not a or not b:\n    go()",
)
def de_morgan(node: ast.UnaryOp, program: ProgramAnalysis) -> Iterator[Edits]:
    """``not (a and b)`` as ``not a or not b`` where only the truth value is used."""
    if not (isinstance(node.op, ast.Not) and isinstance(node.operand, ast.BoolOp)):
        return
    values = node.operand.values
    parent = program.parents[node]
    simple = not any(isinstance(value, ast.BoolOp | ast.IfExp | ast.Lambda | ast.NamedExpr) for value in values)
    if simple and isinstance(parent, _TESTED) and parent.test is node and "#" not in program.text(node):
        joined = " or " if isinstance(node.operand.op, ast.And) else " and "
        parts = [negated(value, program) for value in values]
        if not any("\n" in part for part in parts):
            yield (program.replace(node, joined.join(parts)),)


@refactoring(
    "de-morgan-joined",
    3,
    (ast.BoolOp,),
    "the condition of an `if`, `while` or conditional expression, all of whose parts are negated",
    "if not a or not b:\n    go()",
    "if not (a and b):\n    go()",
)
def de_morgan_joined(node: ast.BoolOp, program: ProgramAnalysis) -> Iterator[Edits]:
    """``not a or not b`` as ``not (a and b)`` where only the truth value is used."""
    parent = program.parents[node]
    operands = [part.operand for part in node.values if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not)]
    if len(operands) < len(node.values) or not isinstance(parent, _TESTED) or parent.test is not node:
        return
    texts = [program.outer_text(part) for part in operands]
    if "#" not in program.text(node) and not any("\n" in text for text in texts):
        joined = (" and " if isinstance(node.op, ast.Or) else " or ").join(texts)
        yield (program.replace(node, f"not ({joined})"),)


@refactoring(
    "boundary-shifted",
    5,
    (ast.Compare,),
    "both sides are ints; the right side needs no added parentheses",
    "def f(n: int, i: int):\n    return i < n",
    "def f(n: int, i: int):\n    return i <= n - 1",
)
def boundary_shifted(node: ast.Compare, program: ProgramAnalysis) -> Iterator[Edits]:
    """``i < n`` as ``i <= n - 1``, ``n > 0`` as ``n >= 1``."""
    op, left, right = type(node.ops[0]), node.left, node.comparators[0]
    if op not in _SHIFTED or len(node.ops) > 1 or program.outer(right) != program.span(right):
        return
    if program.types.of(left) == INT == program.types.of(right) and (place := program.operator(left, right)):
        symbol, step = _SHIFTED[op]
        for text in off_by_one_texts(right, program):
            if text[0] == step:
                yield (Edit(*place, symbol), program.replace(right, text[1]))


@refactoring(
    "negated-comparison",
    3,
    (ast.UnaryOp,),
    "`==`, `in`, `is`; order comparisons only between ints or strings",
    "ok = not x in seen",
    "ok = x not in seen",
)
def negated_comparison(node: ast.UnaryOp, program: ProgramAnalysis) -> Iterator[Edits]:
    """``not a == b`` as ``a != b``."""
    if isinstance(node.op, ast.Not) and isinstance(node.operand, ast.Compare):
        text = negated(node.operand, program)
        if not text.startswith("not ") and program.outer(node.operand) == program.span(node.operand):
            yield (program.replace(node, text),)


@refactoring(
    "emptiness",
    3,
    (ast.If, ast.While),
    "the type is str, list, dict, set or tuple according to annotation or assignments",
    "xs = []\nif len(xs) == 0:\n    go()",
    "xs = []\nif not xs:\n    go()",
)
def emptiness(node: ast.If | ast.While, program: ProgramAnalysis) -> Iterator[Edits]:
    """``len(xs) == 0`` as ``not xs``, ``len(xs) > 0`` as ``xs``, and back."""
    match node.test:
        case ast.Compare(left=ast.Call(func=ast.Name(id="len") as callee, args=[xs]), ops=[op], comparators=[zero]):
            known = program.scopes.is_builtin(callee) and program.types.name_is(xs, SIZED)
            if known and isinstance(zero, ast.Constant) and zero.value == 0:
                if isinstance(op, ast.Eq) and isinstance(xs, ast.Name | ast.Attribute | ast.Subscript):
                    yield (program.replace(node.test, f"not {program.text(xs)}"),)
                elif isinstance(op, ast.Gt | ast.NotEq):
                    yield (program.replace(node.test, program.text(xs)),)
        case ast.UnaryOp(op=ast.Not(), operand=ast.Name() as xs) if program.types.name_is(xs, SIZED):
            yield (program.replace(node.test, f"len({program.text(xs)}) == 0"),)
        case ast.Name() as xs if program.types.name_is(xs, SIZED):
            yield (program.replace(node.test, f"len({program.text(xs)}) > 0"),)
