"""Condition errors: comparisons and boolean expressions that are slightly wrong."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from itertools import pairwise

from prlcoder.mutator.rules.edits import Edit, Edits, Span, swap
from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.mutator.rules.registry import BugClass, mutation

_NAMES = (ast.Name, ast.Call, ast.Attribute, ast.Subscript)
_BOUNDARY = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">"}
_NEGATED = {
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Lt: ">=",
    ast.LtE: ">",
    ast.Gt: "<=",
    ast.GtE: "<",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Is: "is not",
    ast.IsNot: "is",
}
_REVERSED = {ast.Lt: ">", ast.LtE: ">=", ast.Gt: "<", ast.GtE: "<="}


def _replace_comparisons(
    node: ast.Compare, program: ProgramAnalysis, table: Mapping[type[ast.cmpop], str]
) -> Iterator[Edits]:
    """Yield one rewrite for each comparison operator of the chain that is in the table."""
    for left, op, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
        if (text := table.get(type(op))) and (place := program.operator(left, right)):
            yield (Edit(*place, text),)


@mutation("comparison-boundary", BugClass.CONDITION, 9, (ast.Compare,), "ok = low < high", "ok = low <= high")
def comparison_boundary(node: ast.Compare, program: ProgramAnalysis) -> Iterator[Edits]:
    """A limit is included that must be excluded, or the reverse."""
    return _replace_comparisons(node, program, _BOUNDARY)


@mutation("comparison-negation", BugClass.CONDITION, 5, (ast.Compare,), "found = x in seen", "found = x not in seen")
def comparison_negation(node: ast.Compare, program: ProgramAnalysis) -> Iterator[Edits]:
    """The comparison is negated."""
    return _replace_comparisons(node, program, _NEGATED)


@mutation("comparison-direction", BugClass.CONDITION, 4, (ast.Compare,), "ok = a >= b", "ok = a <= b")
def comparison_direction(node: ast.Compare, program: ProgramAnalysis) -> Iterator[Edits]:
    """Smaller and greater are exchanged."""
    return _replace_comparisons(node, program, _REVERSED)


@mutation("boolean-connective", BugClass.CONDITION, 5, (ast.BoolOp,), "ok = a and b", "ok = a or b")
def boolean_connective(node: ast.BoolOp, program: ProgramAnalysis) -> Iterator[Edits]:
    """``and`` is written for ``or``, or the reverse."""
    text = "or" if isinstance(node.op, ast.And) else "and"
    for left, right in pairwise(node.values):
        if place := program.operator(left, right):
            yield (Edit(*place, text),)


@mutation("negation-missing", BugClass.CONDITION, 4, (ast.UnaryOp,), "if not seen:\n    go()", "if seen:\n    go()")
def negation_missing(node: ast.UnaryOp, program: ProgramAnalysis) -> Iterator[Edits]:
    """A ``not`` is forgotten."""
    if isinstance(node.op, ast.Not):
        yield (Edit(program.span(node).start, program.outer(node.operand).start, ""),)


@mutation(
    "negation-extra",
    BugClass.CONDITION,
    3,
    (ast.If, ast.While, ast.IfExp),
    "if seen:\n    go()",
    "if not seen:\n    go()",
)
def negation_extra(node: ast.If | ast.While | ast.IfExp, program: ProgramAnalysis) -> Iterator[Edits]:
    """A condition that is not a comparison, or one of its operands, is negated."""
    operands = node.test.values if isinstance(node.test, ast.BoolOp) else [node.test]
    for operand in operands:
        if isinstance(operand, _NAMES) and program.editable(operand):
            start = program.span(operand).start
            yield (Edit(start, start, "not "),)


@mutation("condition-missing", BugClass.CONDITION, 5, (ast.BoolOp,), "if a and b:\n    go()", "if a:\n    go()")
def condition_missing(node: ast.BoolOp, program: ProgramAnalysis) -> Iterator[Edits]:
    """One operand of ``and`` or ``or`` is forgotten. Parentheses that a single name does not need are removed."""
    if len(node.values) == 2 and program.outer(node) != program.span(node):
        for kept in node.values:
            text = program.text(kept) if isinstance(kept, _NAMES) else f"({program.text(kept)})"
            yield (Edit(*program.outer(node), text),)
        return
    places = [program.outer(value) for value in node.values]
    yield (Edit(places[0].start, places[1].start, ""),)
    for before, place in pairwise(places):
        yield (Edit(before.end, place.end, ""),)


@mutation("choice-swapped", BugClass.CONDITION, 3, (ast.IfExp,), "x = a if c else b", "x = b if c else a")
def choice_swapped(node: ast.IfExp, program: ProgramAnalysis) -> Iterator[Edits]:
    """The two results of a conditional expression are exchanged."""
    yield swap(program.source, program.outer(node.body), program.outer(node.orelse))


@mutation(
    "filter-missing",
    BugClass.CONDITION,
    3,
    (ast.comprehension,),
    "even = [x for x in xs if x % 2 == 0]",
    "even = [x for x in xs]",
)
def filter_missing(node: ast.comprehension, program: ProgramAnalysis) -> Iterator[Edits]:
    """The condition of a comprehension is forgotten."""
    for condition in node.ifs:
        if program.editable(condition) and (place := _filter_clause(condition, program)):
            yield (Edit(*place, ""),)


def _filter_clause(condition: ast.expr, program: ProgramAnalysis) -> Span | None:
    """Return the span of a comprehension's ``if c`` with the whitespace before it."""
    start, end = program.outer(condition)
    head = program.source[:start].rstrip()
    if not head.endswith("if"):
        return None
    return Span(len(head[:-2].rstrip()), end)


@mutation(
    "elif-as-if",
    BugClass.CONDITION,
    2,
    (ast.If,),
    "if a:\n    x = 1\nelif b:\n    x = 2",
    "if a:\n    x = 1\nif b:\n    x = 2",
)
def elif_as_if(node: ast.If, program: ProgramAnalysis) -> Iterator[Edits]:
    """``elif`` becomes ``if``: exclusive alternatives are all tested."""
    start = program.span(node).start
    if program.source.startswith("elif", start):
        yield (Edit(start, start + 4, "if"),)
