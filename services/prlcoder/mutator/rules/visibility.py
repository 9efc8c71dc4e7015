"""Finds the variables that could be used in the place of another one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.mutator.rules.scopes import Scope


def similar_names(node: ast.Name, program: ProgramAnalysis) -> Iterator[str]:
    """Yield the variables that are bound before ``node``, visible at it, and not known to have another type.

    Yields nothing unless ``node`` is a variable of the program. Functions, classes and imports are not offered.
    """
    if not isinstance(node.ctx, ast.Load) or program.scopes.of(node) is None:
        return
    wanted = program.types.of(node)
    for name, scope in sorted(_visible(node, program).items()):
        found = program.types.variable(scope, name)
        if name != node.id and (wanted is None or found is None or wanted.name == found.name):
            yield name


def _visible(node: ast.Name, program: ProgramAnalysis) -> dict[str, Scope]:
    """Return the visible variables that have a value at the node, each with its scope."""
    found: dict[str, Scope] = {}
    scope: Scope | None = program.scopes.around(node)
    while scope is not None:
        if not isinstance(scope.node, ast.ClassDef):
            for name, stores in scope.variables.items():
                if name not in found and _has_value(stores, node, scope, program):
                    found[name] = scope
        scope = scope.parent
    return found


def _has_value(stores: list[ast.Name | ast.arg], node: ast.Name, scope: Scope, program: ProgramAnalysis) -> bool:
    """Whether one of the stores is a parameter or runs before ``node``."""
    return any(
        store.arg not in ("self", "cls") if isinstance(store, ast.arg) else _is_before(store, node, scope, program)
        for store in stores
    )


def _is_before(store: ast.Name, node: ast.Name, scope: Scope, program: ProgramAnalysis) -> bool:
    """Whether ``store`` has run when ``node`` is read, judged by the order in the text."""
    if not (program.editable(store) and program.editable(node)):
        return False
    if scope.is_comprehension:
        return _is_before_in_comprehension(store, node, program)
    start = program.span(node).start
    if program.span(store).start >= start:
        return False
    statement = program.statement(store)
    if isinstance(statement, ast.For | ast.AsyncFor | ast.With | ast.AsyncWith):
        return not _is_inside(node, getattr(statement, "iter", None), program)
    return program.span(statement).end <= start


def _is_before_in_comprehension(store: ast.Name, node: ast.Name, program: ProgramAnalysis) -> bool:
    clause = next((part for part in program.ancestors(store) if isinstance(part, ast.comprehension)), None)
    return clause is not None and not _is_inside(node, clause.iter, program)


def _is_inside(node: ast.AST, whole: ast.AST | None, program: ProgramAnalysis) -> bool:
    return whole is not None and (node is whole or whole in program.ancestors(node))
