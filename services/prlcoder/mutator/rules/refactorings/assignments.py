"""Other ways to compute and bind the same value."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from prlcoder.mutator.rules.edits import Edit, Edits, swap
from prlcoder.mutator.rules.inference import INT, SCALARS
from prlcoder.mutator.rules.layout import indent, own_lines
from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.mutator.rules.purity import is_pure
from prlcoder.mutator.rules.refactorings.names import fresh_names
from prlcoder.mutator.rules.registry import refactoring

_ATOMS = (ast.Name, ast.Constant, ast.Call, ast.Subscript, ast.Attribute)
_AUGMENTABLE = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.BitAnd, ast.BitOr, ast.BitXor)


@refactoring(
    "augmented-expand",
    5,
    (ast.AugAssign,),
    "the target is an int, float, bool or str: a list would be changed in place",
    "n = 0\nn += 1",
    "n = 0\nn = n + 1",
)
def augmented_expand(node: ast.AugAssign, program: ProgramAnalysis) -> Iterator[Edits]:
    """``x += v`` as ``x = x + v``."""
    named = isinstance(node.target, ast.Name)
    if not program.types.name_is(node.target, SCALARS) or not (
        named or (is_pure(node.target, program) and is_pure(node.value, program))
    ):
        return
    if place := program.operator(node.target, node.value):
        symbol = program.source[place.start : place.end - 1]
        target, value = program.text(node.target), program.outer_text(node.value)
        bare = isinstance(node.value, _ATOMS) or value != program.text(node.value)
        if "\n" not in value:
            yield (program.replace(node, f"{target} = {target} {symbol} {value if bare else f'({value})'}"),)


@refactoring(
    "augmented-contract",
    5,
    (ast.Assign,),
    "the target is an int, float, bool or str",
    "n = 0\nn = n + 1",
    "n = 0\nn += 1",
)
def augmented_contract(node: ast.Assign, program: ProgramAnalysis) -> Iterator[Edits]:
    """``x = x + v`` as ``x += v``."""
    match node:
        case ast.Assign(
            targets=[ast.Name(id=name) as target], value=ast.BinOp(left=ast.Name(id=left), op=op) as value
        ) if name == left and isinstance(op, _AUGMENTABLE):
            place = program.operator(value.left, value.right)
            plain = program.outer(value) == program.span(value) and program.outer(value.left) == program.span(
                value.left
            )
            if place and plain and program.types.name_is(target, SCALARS):
                symbol = program.source[place.start : place.end]
                text = program.outer_text(value.right)
                yield (Edit(*program.span(node), f"{name} {symbol}= {text}"),)


@refactoring(
    "operands-commuted",
    3,
    (ast.BinOp,),
    "`+` or `*` of two ints without side effects, neither of which needs parentheses",
    "n = len(xs)\nm = n + 1",
    "n = len(xs)\nm = 1 + n",
)
def operands_commuted(node: ast.BinOp, program: ProgramAnalysis) -> Iterator[Edits]:
    """``a + b`` as ``b + a``."""
    if not isinstance(node.op, ast.Add | ast.Mult) or not program.operator(node.left, node.right):
        return
    for side in (node.left, node.right):
        factor = isinstance(node.op, ast.Add) and isinstance(side, ast.BinOp) and isinstance(side.op, ast.Mult)
        closed = factor or isinstance(side, _ATOMS) or program.outer(side) != program.span(side)
        if not (closed and program.types.of(side) == INT and is_pure(side, program)):
            return
    yield swap(program.source, program.outer(node.left), program.outer(node.right))


@refactoring(
    "square",
    2,
    (ast.BinOp,),
    "the base is an int variable",
    "n = 3\nm = n ** 2",
    "n = 3\nm = n * n",
)
def square(node: ast.BinOp, program: ProgramAnalysis) -> Iterator[Edits]:
    """``x ** 2`` as ``x * x`` and back."""
    match node:
        case ast.BinOp(left=ast.Name(id=name) as base, op=ast.Pow(), right=ast.Constant(value=2)):
            if program.types.of(base) == INT:
                tight = isinstance(program.parents[node], ast.BinOp | ast.UnaryOp | ast.Subscript | ast.Attribute)
                product = f"{name} * {name}"
                yield (program.replace(node, f"({product})" if tight else product),)
        case ast.BinOp(left=ast.Name(id=name) as base, op=ast.Mult(), right=ast.Name(id=other)) if name == other:
            if program.types.of(base) == INT and not _is_power_operand(node, program):
                yield (program.replace(node, f"{name} ** 2"),)


def _is_power_operand(node: ast.expr, program: ProgramAnalysis) -> bool:
    parent = program.parents[node]
    return isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow)


@refactoring(
    "assignment-split",
    4,
    (ast.Assign,),
    "no value reads a name that the statement binds; the values have no side effects",
    "a, b = 0, 1",
    "a = 0\nb = 1",
)
def assignment_split(node: ast.Assign, program: ProgramAnalysis) -> Iterator[Edits]:
    """``a, b = x, y`` as two assignments."""
    match node:
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
            lines = own_lines(program, node)
            if lines is None or len(targets) != len(values) or "\n" in program.text(node):
                return
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            read = {part.id for value in values for part in ast.walk(value) if isinstance(part, ast.Name)}
            pure = all(is_pure(value, program) or _is_empty_display(value) for value in values)
            if pure and len(set(names)) == len(targets) and read.isdisjoint(names):
                texts = [f"{name} = {program.text(value)}" for name, value in zip(names, values, strict=True)]
                yield (program.replace(node, f"{program.newline}{indent(program, node)}".join(texts)),)


def _is_empty_display(node: ast.expr) -> bool:
    return (isinstance(node, ast.List) and not node.elts) or (isinstance(node, ast.Dict) and not node.keys)


@refactoring(
    "return-named",
    4,
    (ast.Return,),
    "in a function; the new name is new to the program",
    "def f(x):\n    return g(x)",
    "def f(x):\n    result = g(x)\n    return result",
)
def return_named(node: ast.Return, program: ProgramAnalysis) -> Iterator[Edits]:
    """``return e`` through a variable."""
    value = node.value
    if value is None or isinstance(value, ast.Name | ast.Constant | ast.Yield | ast.YieldFrom):
        return
    if not own_lines(program, node):
        return
    start, end = program.span(node)
    for name in fresh_names("ans", program)[:1] + fresh_names("res", program)[:1]:
        line = f"{program.newline}{indent(program, node)}return {name}"
        yield (Edit(start, start + len("return"), f"{name} ="), Edit(end, end, line))


@refactoring(
    "return-inlined",
    4,
    (ast.Return,),
    "a local variable that the line before binds and nothing else uses",
    "def f(x):\n    y = g(x)\n    return y",
    "def f(x):\n    return g(x)",
)
def return_inlined(node: ast.Return, program: ProgramAnalysis) -> Iterator[Edits]:
    """``x = e`` and ``return x`` as ``return e``."""
    siblings = program.siblings(node)
    place = siblings.index(node)
    match siblings[place - 1] if place else None, node.value:
        case ast.Assign(targets=[ast.Name(id=name) as target], value=value) as binding, ast.Name(id=returned):
            first, last = program.span(binding), program.span(node)
            together = returned == name and not program.source[first.end : last.start].strip()
            if together and _is_only_returned(target, node.value, program):
                yield (Edit(first.start, program.outer(value).start, "return "), Edit(first.end, last.end, ""))


def _is_only_returned(target: ast.Name, returned: ast.expr, program: ProgramAnalysis) -> bool:
    """Whether a local variable occurs only twice in its function: where it is bound and where it is returned."""
    scope = program.scopes.of(target)
    local = scope is not None and scope.is_function and program.scopes.of(returned) is scope
    return local and scope is not None and len(scope.occurrences[target.id]) == 2
