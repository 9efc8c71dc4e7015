"""Control flow errors: branches, loops and returns in the wrong place."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from prlcoder.mutator.rules.edits import Edit, Edits, Span, swap
from prlcoder.mutator.rules.layout import (
    block,
    delete_lines,
    else_line,
    has_else,
    indent,
    is_elif,
    own_lines,
    reindent,
)
from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.mutator.rules.registry import BugClass, mutation


@mutation(
    "break-continue",
    BugClass.FLOW,
    4,
    (ast.Break, ast.Continue),
    "for x in xs:\n    if x:\n        break",
    "for x in xs:\n    if x:\n        continue",
)
def break_continue(node: ast.Break | ast.Continue, program: ProgramAnalysis) -> Iterator[Edits]:
    """``break`` and ``continue`` are confused."""
    yield (program.replace(node, "continue" if isinstance(node, ast.Break) else "break"),)


@mutation(
    "return-early",
    BugClass.FLOW,
    0.3,
    (ast.Return,),
    "def f(xs):\n    for x in xs:\n        go(x)\n    return xs",
    "def f(xs):\n    for x in xs:\n        go(x)\n        return xs",
)
def return_early(node: ast.Return, program: ProgramAnalysis) -> Iterator[Edits]:
    """The return after a loop moves into the loop, which then runs only once."""
    siblings = program.siblings(node)
    place = siblings.index(node)
    previous = siblings[place - 1] if place else None
    if not isinstance(previous, ast.For | ast.While) or previous.orelse or not block(program, previous.body):
        return
    lines = own_lines(program, node)
    if lines and (edits := reindent(program, lines, indent(program, node), indent(program, previous.body[0]))):
        yield edits


@mutation(
    "statement-dedented",
    BugClass.FLOW,
    4,
    (ast.For, ast.While, ast.If),
    "for x in xs:\n    go(x)\n    n += 1",
    "for x in xs:\n    go(x)\nn += 1",
)
def statement_dedented(node: ast.For | ast.While | ast.If, program: ProgramAnalysis) -> Iterator[Edits]:
    """The last statement of a body moves behind the body."""
    if len(node.body) < 2 or node.orelse:
        return
    lines = own_lines(program, node.body[-1])
    if lines and (edits := reindent(program, lines, indent(program, node.body[-1]), indent(program, node))):
        yield edits


@mutation(
    "else-missing",
    BugClass.FLOW,
    4,
    (ast.If,),
    "if a:\n    x = 1\nelse:\n    x = 2",
    "if a:\n    x = 1",
)
def else_missing(node: ast.If, program: ProgramAnalysis) -> Iterator[Edits]:
    """The other branch is forgotten."""
    if has_else(program, node):
        head, body = else_line(program, node), block(program, node.orelse)
        if head and body:
            yield (delete_lines(program, Span(head.start, body.end)),)


@mutation(
    "else-always",
    BugClass.FLOW,
    2,
    (ast.If,),
    "if a:\n    x = 1\nelse:\n    x = 2",
    "if a:\n    x = 1\nx = 2",
)
def else_always(node: ast.If, program: ProgramAnalysis) -> Iterator[Edits]:
    """The ``else`` branch runs in every case."""
    if not has_else(program, node):
        return
    head, body = else_line(program, node), block(program, node.orelse)
    if head and body and (edits := reindent(program, body, indent(program, node.orelse[0]), indent(program, node))):
        yield (delete_lines(program, head), *edits)


@mutation(
    "branches-swapped",
    BugClass.FLOW,
    3,
    (ast.If,),
    "if a:\n    x = 1\nelse:\n    x = 2",
    "if a:\n    x = 2\nelse:\n    x = 1",
)
def branches_swapped(node: ast.If, program: ProgramAnalysis) -> Iterator[Edits]:
    """The two branches are exchanged, but the condition is not negated."""
    if has_else(program, node):
        first, second = block(program, node.body), block(program, node.orelse)
        if first and second:
            yield swap(program.source, first, second)


@mutation(
    "elif-missing",
    BugClass.FLOW,
    2,
    (ast.If,),
    "if a:\n    x = 1\nelif b:\n    x = 2\nelse:\n    x = 3",
    "if a:\n    x = 1\nelse:\n    x = 3",
)
def elif_missing(node: ast.If, program: ProgramAnalysis) -> Iterator[Edits]:
    """One of several alternatives is forgotten."""
    body = block(program, node.body)
    if is_elif(program, node) and body:
        yield (delete_lines(program, Span(program.line_start(program.span(node).start), body.end)),)


@mutation(
    "condition-always",
    BugClass.FLOW,
    3,
    (ast.If,),
    "if x > best:\n    best = x",
    "best = x",
)
def condition_always(node: ast.If, program: ProgramAnalysis) -> Iterator[Edits]:
    """The body of an ``if`` runs unconditionally."""
    body, start = block(program, node.body), program.span(node).start
    if node.orelse or is_elif(program, node) or not body or body.start <= start:
        return
    head = Span(program.line_start(start), body.start - 1)
    plain = program.source[program.outer(node.test).end : head.end].strip() == ":"
    if plain and (edits := reindent(program, body, indent(program, node.body[0]), indent(program, node))):
        yield (Edit(head.start, body.start, ""), *edits)


@mutation(
    "while-as-if",
    BugClass.FLOW,
    2,
    (ast.While,),
    "while n % 2 == 0:\n    n //= 2",
    "if n % 2 == 0:\n    n //= 2",
)
def while_as_if(node: ast.While, program: ProgramAnalysis) -> Iterator[Edits]:
    """The body of a loop runs once."""
    start = program.span(node).start
    yield (Edit(start, start + len("while"), "if"),)


@mutation(
    "accumulator-reset",
    BugClass.FLOW,
    2,
    (ast.For, ast.While),
    "total = 0\nfor x in xs:\n    total += x",
    "total = 0\nfor x in xs:\n    total = 0\n    total += x",
)
def accumulator_reset(node: ast.For | ast.While, program: ProgramAnalysis) -> Iterator[Edits]:
    """An accumulator is initialised again in each iteration."""
    siblings = program.siblings(node)
    starts = {
        part.targets[0].id: part
        for part in siblings[: siblings.index(node)]
        if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name) and len(part.targets) == 1
    }
    lines = own_lines(program, node.body[0])
    for part in node.body:
        name = part.target.id if isinstance(part, ast.AugAssign) and isinstance(part.target, ast.Name) else ""
        start = starts.get(name)
        if lines and start and isinstance(start.value, ast.Constant) and not _reads(node, name):
            yield (Edit(lines.start, lines.start, f"{indent(program, part)}{program.text(start)}{program.newline}"),)


def _reads(loop: ast.For | ast.While, name: str) -> bool:
    """Whether the condition of a ``while`` reads the name. If it were reset, the loop would not end."""
    test = loop.test if isinstance(loop, ast.While) else None
    return test is not None and any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(test))


@mutation(
    "return-missing",
    BugClass.FLOW,
    2,
    (ast.Return,),
    "def f(n):\n    return f(n - 1)",
    "def f(n):\n    f(n - 1)",
)
def return_missing(node: ast.Return, program: ProgramAnalysis) -> Iterator[Edits]:
    """The result of a call is not returned."""
    if isinstance(node.value, ast.Call):
        yield (Edit(program.span(node).start, program.outer(node.value).start, ""),)
