"""Constant value errors: literals that are off by one, flipped, or confused with another literal."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from prlcoder.mutator.rules.edits import Edits
from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.mutator.rules.registry import BugClass, mutation

_MAX_CHANGED_VALUE = 1000  # larger literals are often moduli such as 10**9 + 7, and few tests would notice a change


@mutation("constant-off-by-one", BugClass.CONSTANT, 8, (ast.Constant, ast.UnaryOp), "count = 0", "count = 1")
def constant_off_by_one(node: ast.Constant | ast.UnaryOp, program: ProgramAnalysis) -> Iterator[Edits]:
    """A small integer literal is too large or too small by one, or has lost its sign.

    Values that already occur in the program are preferred, because others would be conspicuous.
    """
    value = _integer(node)
    if value is None or isinstance(program.parents[node], ast.UnaryOp):
        return
    near = (value + 1, value - 1) if value >= 0 else (value + 1, -value)
    possible = [wrong for wrong in near if not _is_neutral(wrong, node, program)]
    usual = [wrong for wrong in possible if wrong in (0, 1) or str(wrong) in program.literals(int)]
    for wrong in usual or possible:
        yield (program.replace(node, str(wrong)),)


def _is_neutral(value: int, node: ast.expr, program: ProgramAnalysis) -> bool:
    """Whether the result would be an operation that nobody writes: ``x + 0``, ``x * 0``, ``x // 1``."""
    parent = program.parents[node]
    if not isinstance(parent, ast.BinOp):
        return False
    return value == 0 or (value == 1 and not isinstance(parent.op, ast.Add | ast.Sub | ast.BitAnd | ast.LShift))


def _integer(node: ast.expr) -> int | None:
    """Return the value of a small integer literal, including its minus sign; None for anything else."""
    match node:
        case ast.Constant(value=int(value)) if not isinstance(value, bool) and value <= _MAX_CHANGED_VALUE:
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))) if value <= _MAX_CHANGED_VALUE:
            return -value
    return None


@mutation("boolean-flipped", BugClass.CONSTANT, 4, (ast.Constant,), "found = True", "found = False")
def boolean_flipped(node: ast.Constant, program: ProgramAnalysis) -> Iterator[Edits]:
    """``True`` and ``False`` are confused."""
    if isinstance(node.value, bool):
        yield (program.replace(node, str(not node.value)),)


@mutation(
    "constant-of-another",
    BugClass.CONSTANT,
    2,
    (ast.Constant,),
    'if c == "(":\n    depth += 1\nelif c == ")":\n    depth -= 1',
    'if c == ")":\n    depth += 1\nelif c == ")":\n    depth -= 1',
)
def constant_of_another(node: ast.Constant, program: ProgramAnalysis) -> Iterator[Edits]:
    """A number or string is confused with another one that the program uses."""
    if isinstance(node.value, bool) or not isinstance(node.value, int | float | str):
        return
    own = program.text(node)
    if "\n" in own:
        return
    for text in program.literals(type(node.value)):
        if text != own:
            yield (program.replace(node, text),)


@mutation(
    "initial-value",
    BugClass.CONSTANT,
    3,
    (ast.Assign,),
    'best = float("inf")',
    'best = float("-inf")',
)
def initial_value(node: ast.Assign, program: ProgramAnalysis) -> Iterator[Edits]:
    """A search or an accumulation starts from the wrong value."""
    for text in _wrong_starts(node.value, program):
        yield (program.replace(node.value, text),)


def _wrong_starts(value: ast.expr, program: ProgramAnalysis) -> Iterator[str]:
    text = program.text(value)
    match value:
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=str(infinity))]) if "inf" in infinity:
            yield text.replace("-inf", "inf") if "-inf" in text else text.replace("inf", "-inf")
            yield "0"
        case ast.Name(id="inf") | ast.Attribute(attr="inf"):
            yield "-" + text
            yield "0"
        case ast.UnaryOp(op=ast.USub(), operand=ast.Name(id="inf") | ast.Attribute(attr="inf")):
            yield text[1:].lstrip()
            yield "0"
        case ast.UnaryOp(op=ast.USub(), operand=ast.Call(func=ast.Name(id="float"))):
            yield text[1:].lstrip()
            yield "0"
        case ast.Subscript(slice=ast.Constant(value=0)):
            yield "0"
        case ast.List(elts=[]):
            yield "[0]"
        case ast.Dict(keys=[]) | ast.Call(func=ast.Name(id="set"), args=[]):
            yield "[]"
