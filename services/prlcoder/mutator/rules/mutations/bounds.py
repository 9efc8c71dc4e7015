"""Off-by-one errors in ranges, indices and slices."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from prlcoder.mutator.rules.edits import Edit, Edits
from prlcoder.mutator.rules.inference import INT
from prlcoder.mutator.rules.off_by_one import off_by_one_texts
from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.mutator.rules.registry import BugClass, mutation


@mutation(
    "range-bound",
    BugClass.BOUND,
    8,
    (ast.Call,),
    "for i in range(n):\n    go(i)",
    "for i in range(n - 1):\n    go(i)",
)
def range_bound(node: ast.Call, program: ProgramAnalysis) -> Iterator[Edits]:
    """A range starts or stops one too early or too late."""
    match node:
        case ast.Call(func=ast.Name(id="range"), args=[stop]):
            start = program.span(stop).start
            yield (Edit(start, start, "1, "),)
            limits = [stop]
        case ast.Call(func=ast.Name(id="range"), args=[first, stop, *_]):
            limits = [first, stop]
        case _:
            return
    for limit in limits:
        for _, text in off_by_one_texts(limit, program):
            yield (program.replace(limit, text),)


@mutation("index-offset", BugClass.BOUND, 6, (ast.Subscript,), "x = a[i]", "x = a[i + 1]")
def index_offset(node: ast.Subscript, program: ProgramAnalysis) -> Iterator[Edits]:
    """A neighbour is read or written."""
    keyed = program.types.name_is(node.value, frozenset({"dict"})) or program.types.name_is(
        node.slice, frozenset({"str", "tuple"})
    )
    if keyed or isinstance(node.slice, ast.Slice) or not program.editable(node.slice):
        return
    for _, text in off_by_one_texts(node.slice, program):
        yield (program.replace(node.slice, text),)


@mutation("slice-bound", BugClass.BOUND, 5, (ast.Slice,), "x = a[:i]", "x = a[:i + 1]")
def slice_bound(node: ast.Slice, program: ProgramAnalysis) -> Iterator[Edits]:
    """A slice starts or stops one too early or too late."""
    for limit in (node.lower, node.upper):
        if limit is not None and program.editable(limit):
            for _, text in off_by_one_texts(limit, program):
                yield (program.replace(limit, text),)


@mutation(
    "return-offset",
    BugClass.BOUND,
    4,
    (ast.Return,),
    "def f(low, high):\n    return high - low",
    "def f(low, high):\n    return high - low + 1",
)
def return_offset(node: ast.Return, program: ProgramAnalysis) -> Iterator[Edits]:
    """The result is too large or too small by one."""
    if node.value is not None and not isinstance(node.value, ast.Constant) and _may_be_int(node.value, program):
        for _, text in off_by_one_texts(node.value, program):
            yield (program.replace(node.value, text),)


def _may_be_int(node: ast.expr, program: ProgramAnalysis) -> bool:
    known = program.types.of(node)
    return known is None or known == INT
