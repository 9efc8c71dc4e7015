"""Temporary variables that are introduced or removed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from prlcoder.mutator.rules.edits import Edit, Edits
from prlcoder.mutator.rules.layout import delete_lines, indent, is_elif, own_lines
from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.mutator.rules.purity import is_inert
from prlcoder.mutator.rules.refactorings.names import fresh_names
from prlcoder.mutator.rules.registry import refactoring

_CONDITIONAL = (
    ast.IfExp,
    ast.BoolOp,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.JoinedStr,
    ast.NamedExpr,
)
_OPEN = (ast.Call, ast.Assign, ast.AugAssign, ast.Return, ast.If, ast.List, ast.keyword)  # an operand needs no brackets
_DECLARED = frozenset({ast.Global, ast.Nonlocal})  # with these, a call may rebind a name between two evaluations


@refactoring(
    "temporary-extracted",
    3,
    (ast.BinOp,),
    "arithmetic on names and literals that is always evaluated; the new name is new to the program",
    "y = f(a + 1)",
    "value = a + 1\ny = f(value)",
)
def temporary_extracted(node: ast.BinOp, program: ProgramAnalysis) -> Iterator[Edits]:
    """A part of an expression is computed on a separate line."""
    statement = program.statement(node)
    lines = own_lines(program, statement)
    if not lines or "\n" in program.text(node) or not _is_once(node, statement, program):
        return
    if program.parents[node] is statement:
        return  # the node is the whole value, as in `x = a + 1`
    for name in fresh_names("value", program)[:2]:
        line = f"{indent(program, statement)}{name} = {program.text(node)}{program.newline}"
        yield (Edit(lines.start, lines.start, line), Edit(*program.outer(node), name))


@refactoring(
    "temporary-inlined",
    3,
    (ast.Assign,),
    "a local variable bound to arithmetic on names and literals; only the next statement uses it, once",
    "def f(a):\n    b = a + 1\n    c = g(b)\n    return c * c",
    "def f(a):\n    c = g(a + 1)\n    return c * c",
)
def temporary_inlined(node: ast.Assign, program: ProgramAnalysis) -> Iterator[Edits]:
    """A variable that only the next statement uses, once, is replaced by its value."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name) as target], value=value):
            scope = program.scopes.of(target)
        case _:
            return
    lines = own_lines(program, node)
    if not lines or scope is None or not scope.is_function or len(scope.occurrences[name]) != 2:
        return
    use = next(part for part in scope.occurrences[name] if part is not target)
    siblings = program.siblings(node)
    following = siblings[siblings.index(node) + 1 :][:1]
    if not isinstance(use, ast.Name) or not program.editable(use) or program.scopes.around(use) is not scope:
        return
    statement, parent = program.statement(use), program.parents[use]
    if following != [statement] or isinstance(parent, ast.Return) or not _is_once(use, statement, program, value):
        return
    text = program.text(value)
    if "\n" not in text:
        bare = isinstance(parent, _OPEN) or not isinstance(value, ast.BinOp | ast.UnaryOp)
        yield (delete_lines(program, lines), program.replace(use, text if bare else f"({text})"))


def _is_once(node: ast.expr, statement: ast.stmt, program: ProgramAnalysis, value: ast.expr | None = None) -> bool:
    """Whether ``value`` (default: the node) has the same value before the statement as at the node.

    It must be arithmetic on names and literals, and the statement must evaluate the node exactly once.
    """
    match statement:
        case ast.Assign(value=root) | ast.AugAssign(value=root) | ast.Expr(value=root) | ast.Return(value=root):
            pass
        case ast.If(test=root) if not is_elif(program, statement):
            pass
        case _:
            return False
    if program.kinds & _DECLARED or not is_inert(value or node):
        return False
    around: ast.AST = node
    while around is not root:
        around = program.parents[around]
        if around is statement or isinstance(around, _CONDITIONAL):
            return False
        if isinstance(around, ast.Compare) and len(around.ops) > 1:
            return False
    return not isinstance(root, _CONDITIONAL)


@refactoring(
    "swap-through-temporary",
    3,
    (ast.Assign,),
    "two names are exchanged; the new name is new to the program",
    "a, b = b, a",
    "tmp = a\na = b\nb = tmp",
)
def swap_through_temporary(node: ast.Assign, program: ProgramAnalysis) -> Iterator[Edits]:
    """``a, b = b, a`` in three steps."""
    match node:
        case ast.Assign(
            targets=[ast.Tuple(elts=[ast.Name(id=a), ast.Name(id=b)])],
            value=ast.Tuple(elts=[ast.Name(id=second), ast.Name(id=first)]),
        ) if (a, b) == (first, second) and own_lines(program, node):
            for name in [text for text in ("tmp", *fresh_names("temp", program)) if text not in program.identifiers][
                :2
            ]:
                lines = (f"{name} = {a}", f"{a} = {b}", f"{b} = {name}")
                yield (program.replace(node, f"{program.newline}{indent(program, node)}".join(lines)),)


@refactoring(
    "no-operation",
    0.05,
    (ast.Assign,),
    "the new name is new to the program",
    "n = 0\ngo(n)",
    "n = 0\nvalue = n\ngo(n)",
)
def no_operation(node: ast.Assign, program: ProgramAnalysis) -> Iterator[Edits]:
    """An unused variable is added."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]) if own_lines(program, node):
            end = program.span(node).end
            for fresh in fresh_names("value", program)[:2]:
                yield (Edit(end, end, f"{program.newline}{indent(program, node)}{fresh} = {name}"),)
