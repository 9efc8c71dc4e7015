"""Errors in calls: arguments in the wrong order, forgotten conversions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

from prlcoder.mutator.rules.edits import Edit, Edits, swap
from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.mutator.rules.registry import BugClass, mutation

_SYMMETRIC = frozenset({"min", "max", "gcd", "lcm", "hypot", "print"})
_CONVERSIONS = frozenset({"int", "float", "str", "abs", "list", "set", "tuple", "sorted", "reversed", "round"})
_TRIVIAL_METHODS = frozenset({"strip", "lower", "upper", "copy", "rstrip", "lstrip", "keys", "values", "items"})
_SEQUENCE = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)


@mutation("arguments-swapped", BugClass.REFERENCE, 3, (ast.Call,), "d = dist(a, b)", "d = dist(b, a)")
def arguments_swapped(node: ast.Call, program: ProgramAnalysis) -> Iterator[Edits]:
    """Two neighbouring arguments are exchanged."""
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    if name in _SYMMETRIC or any(isinstance(argument, ast.Starred) for argument in node.args):
        return
    for left, right in pairwise(node.args):
        if program.text(left) != program.text(right):
            yield swap(program.source, program.span(left), program.span(right))


@mutation("sort-order", BugClass.OPERATION, 3, (ast.Call,), "ys = sorted(xs)", "ys = sorted(xs, reverse=True)")
def sort_order(node: ast.Call, program: ProgramAnalysis) -> Iterator[Edits]:
    """Ascending and descending order are confused."""
    if not _is_sort(node):
        return
    if any(keyword.arg == "reverse" for keyword in node.keywords):
        yield from _without_keyword(node, "reverse", program)
        return
    end = program.span(node).end - 1
    if not program.source[:end].rstrip().endswith(","):
        yield (Edit(end, end, ", reverse=True" if node.args or node.keywords else "reverse=True"),)


@mutation("sort-key-missing", BugClass.MISSING, 3, (ast.Call,), "xs.sort(key=len)", "xs.sort()")
def sort_key_missing(node: ast.Call, program: ProgramAnalysis) -> Iterator[Edits]:
    """The key for sorting or choosing is forgotten."""
    if _is_sort(node) or (isinstance(node.func, ast.Name) and node.func.id in ("min", "max")):
        yield from _without_keyword(node, "key", program)


def _is_sort(node: ast.Call) -> bool:
    match node.func:
        case ast.Name(id="sorted"):
            return len(node.args) == 1
        case ast.Attribute(attr="sort"):
            return not node.args
    return False


def _without_keyword(node: ast.Call, name: str, program: ProgramAnalysis) -> Iterator[Edits]:
    """Yield the call without one of its keyword arguments and its comma."""
    parts: list[ast.AST] = [*node.args, *node.keywords]
    for place, part in enumerate(parts):
        if isinstance(part, ast.keyword) and part.arg == name:
            start, end = program.span(part)
            if place > 0:
                start = program.span(parts[place - 1]).end
            elif len(parts) > 1:
                end = program.span(parts[1]).start
            yield (Edit(start, end, ""),)


@mutation("conversion-missing", BugClass.MISSING, 4, (ast.Call,), "x = abs(a - b)", "x = a - b")
def conversion_missing(node: ast.Call, program: ProgramAnalysis) -> Iterator[Edits]:
    """``int``, ``abs``, ``sorted``, ``set`` and the like are forgotten around a value."""
    match node:
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _CONVERSIONS:
            if isinstance(argument, ast.Starred) or not program.scopes.is_builtin(node.func):
                return
            text = program.text(argument)
            inside = isinstance(program.parents[node], ast.BinOp | ast.UnaryOp | ast.Compare | ast.Subscript)
            atom = isinstance(argument, (*_SEQUENCE, ast.Constant, ast.List, ast.ListComp, ast.GeneratorExp))
            yield (program.replace(node, f"({text})" if inside and not atom else text),)


@mutation("method-missing", BugClass.MISSING, 3, (ast.Call,), "t = s.strip()", "t = s")
def method_missing(node: ast.Call, program: ProgramAnalysis) -> Iterator[Edits]:
    """``.strip()``, ``.lower()``, ``.copy()`` and the like are forgotten after a value."""
    match node:
        case ast.Call(func=ast.Attribute(attr=name, value=value), args=[]) if name in _TRIVIAL_METHODS:
            if isinstance(value, _SEQUENCE):
                yield (Edit(program.span(value).end, program.span(node).end, ""),)


@mutation("default-missing", BugClass.CONSTANT, 2, (ast.Call,), "n = seen.get(x, 0)", "n = seen.get(x)")
def default_missing(node: ast.Call, program: ProgramAnalysis) -> Iterator[Edits]:
    """A look-up lacks its default, or a ``defaultdict`` has the wrong one."""
    match node:
        case ast.Call(func=ast.Attribute(attr="get"), args=[key, default], keywords=[]):
            yield (Edit(program.span(key).end, program.span(default).end, ""),)
        case ast.Call(func=ast.Name(id="defaultdict"), args=[ast.Name(id="int" | "list" as kind) as maker]):
            yield (program.replace(maker, "list" if kind == "int" else "int"),)


@mutation("slice-missing", BugClass.MISSING, 3, (ast.Subscript,), "out.append(path[:])", "out.append(path)")
def slice_missing(node: ast.Subscript, program: ProgramAnalysis) -> Iterator[Edits]:
    """The sequence itself is used instead of its copy ``[:]``, its reversal ``[::-1]`` or a part of it."""
    if isinstance(node.slice, ast.Slice) and isinstance(node.value, _SEQUENCE) and isinstance(node.ctx, ast.Load):
        yield (Edit(program.span(node.value).end, program.span(node).end, ""),)
