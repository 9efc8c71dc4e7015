"""Reward term ``data-flow-match``: how much of the canonical solution's data flow the program has.

The semantic match of `PPOCoder <https://arxiv.org/abs/2301.13816>`_ (CodeBLEU's idea): an edge leads from a variable's
definition to a variable that is computed from it. Variables are numbered in the order of their first definition, so
their names do not matter.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from typing import Final

from prlcoder.training.rewards.context import RewardContext
from prlcoder.training.rewards.syntax_trees import best_share_found
from prlcoder.training.rollouts import Rollout

RESULT: Final = "result"  # what a function returns or yields
CONDITION: Final = "condition"  # what decides a branch or a loop


def outcome(rollout: Rollout, context: RewardContext) -> float:
    """The share of a canonical solution's edges that the program has, 0 to 1; the best over the solutions."""
    return best_share_found(rollout.program, context.solutions, flow_edges)


def flow_edges(tree: ast.Module) -> Counter[str]:
    """The edges ``source -> target`` of every function and of the module's own statements, with their number.

    >>> sorted(flow_edges(ast.parse("def f(a):\\n    b = a + 1\\n    return b")))
    ['v0 -> v1', 'v1 -> result']
    """
    found: Counter[str] = Counter()
    for scope in [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))]:
        numbers: dict[str, int] = {}
        for parameter in _parameters(scope):
            numbers.setdefault(parameter, len(numbers))
        for statement in _own_nodes(scope):
            for read, written in _flows(statement):
                # A name that is read and not defined here (a builtin, an import, a global) is no variable of the scope.
                sources = [f"v{numbers[name]}" for name in read if name in numbers]
                for name in written:
                    if name not in (RESULT, CONDITION):
                        numbers.setdefault(name, len(numbers))
                targets = [f"v{numbers[name]}" if name in numbers else name for name in written]
                found.update(f"{source} -> {target}" for source in sources for target in targets)
    return found


def _parameters(scope: ast.AST) -> list[str]:
    if not isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
        return []
    given = scope.args
    named = [*given.posonlyargs, *given.args, *([given.vararg] if given.vararg else []), *given.kwonlyargs]
    return [argument.arg for argument in [*named, *([given.kwarg] if given.kwarg else [])]]


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The statements and comprehension clauses of a scope in the order of the text, without those of inner scopes."""
    for child in ast.iter_child_nodes(scope):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        yield child
        yield from _own_nodes(child)


def _flows(node: ast.AST) -> Iterator[tuple[list[str], list[str]]]:
    """The names that a node reads, and those that it defines from them."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield [*_names(value), *_index_names(target)], _defined(target)
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
            yield [*_names(value), *_index_names(target)], _defined(target)
        case ast.AugAssign(target=target, value=value):
            yield [*_names(target), *_names(value)], _defined(target)
        case (
            ast.For(target=target, iter=value)
            | ast.AsyncFor(target=target, iter=value)
            | ast.comprehension(target=target, iter=value)
            | ast.withitem(context_expr=value, optional_vars=ast.expr() as target)
        ):
            yield _names(value), _defined(target)
        case ast.Return(value=ast.expr() as value) | ast.Yield(value=ast.expr() as value):
            yield _names(value), [RESULT]
        case ast.If(test=value) | ast.While(test=value) | ast.IfExp(test=value) | ast.Assert(test=value):
            yield _names(value), [CONDITION]
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=target), args=arguments)):
            # A method that is called for its effect changes its object: ``found.append(x)``.
            yield [name for argument in arguments for name in _names(argument)], _defined(target)


def _defined(target: ast.expr) -> list[str]:
    """The variables that an assignment to ``target`` defines or changes: ``a`` and ``b`` for ``a, b[c].d``."""
    match target:
        case ast.Name(id=name):
            return [name]
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return [name for part in parts for name in _defined(part)]
        case ast.Starred(value=part) | ast.Subscript(value=part) | ast.Attribute(value=part):
            return _defined(part)
    return []


def _index_names(target: ast.expr) -> list[str]:
    """The variables that ``target`` reads to find its place: ``c`` for ``a, b[c].d``."""
    defined = _defined(target)
    return [name for name in _names(target) if name not in defined]


def _names(node: ast.AST) -> list[str]:
    """The variables in an expression, each once, in the order of the text."""
    found = [child for child in ast.walk(node) if isinstance(child, ast.Name)]
    found.sort(key=lambda name: (name.lineno, name.col_offset))
    return list(dict.fromkeys(name.id for name in found))
