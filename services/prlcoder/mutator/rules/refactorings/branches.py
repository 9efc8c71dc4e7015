"""Branches in another form."""

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
    indentation,
    is_elif,
    own_lines,
    reindent,
)
from prlcoder.mutator.rules.negation import negated
from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.mutator.rules.registry import refactoring

_ENDS = (ast.Return, ast.Continue, ast.Break, ast.Raise)
_OPERANDS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Compare, ast.UnaryOp, ast.Constant)


@refactoring(
    "branches-exchanged",
    5,
    (ast.If,),
    "there is an `else` and no `elif`; the condition is negated",
    "if a == b:\n    x = 1\nelse:\n    x = 2",
    "if a != b:\n    x = 2\nelse:\n    x = 1",
)
def branches_exchanged(node: ast.If, program: ProgramAnalysis) -> Iterator[Edits]:
    """``if c: A else: B`` as ``if not c: B else: A``."""
    if not has_else(program, node) or is_elif(program, node):
        return
    first, second = block(program, node.body), block(program, node.orelse)
    if first and second and else_line(program, node):
        yield (program.replace(node.test, negated(node.test, program)), *swap(program.source, first, second))


@refactoring(
    "choice-exchanged",
    3,
    (ast.IfExp,),
    "the condition is negated",
    "x = a if c else b",
    "x = b if not c else a",
)
def choice_exchanged(node: ast.IfExp, program: ProgramAnalysis) -> Iterator[Edits]:
    """``a if c else b`` as ``b if not c else a``."""
    results = swap(program.source, program.outer(node.body), program.outer(node.orelse))
    if not isinstance(node.orelse, ast.IfExp | ast.Lambda):
        yield (program.replace(node.test, negated(node.test, program)), *results)


@refactoring(
    "else-flattened",
    4,
    (ast.If,),
    "the first branch ends with return, continue, break or raise",
    "def f(a):\n    if a:\n        return 1\n    else:\n        return 2",
    "def f(a):\n    if a:\n        return 1\n    return 2",
)
def else_flattened(node: ast.If, program: ProgramAnalysis) -> Iterator[Edits]:
    """The ``else`` after a branch that always leaves is removed."""
    if not has_else(program, node) or is_elif(program, node) or not isinstance(node.body[-1], _ENDS):
        return
    head, body = else_line(program, node), block(program, node.orelse)
    if head and body and (edits := reindent(program, body, indent(program, node.orelse[0]), indent(program, node))):
        yield (delete_lines(program, head), *edits)


@refactoring(
    "else-added",
    3,
    (ast.If,),
    "the branch ends with return; exactly one statement follows in the same body",
    "def f(a):\n    if a:\n        return 1\n    return 2",
    "def f(a):\n    if a:\n        return 1\n    else:\n        return 2",
)
def else_added(node: ast.If, program: ProgramAnalysis) -> Iterator[Edits]:
    """The statement after a branch that returns moves under ``else``."""
    siblings = program.siblings(node)
    if node.orelse or is_elif(program, node) or not isinstance(node.body[-1], ast.Return):
        return
    if not block(program, node.body) or len(siblings) != siblings.index(node) + 2:
        return
    lines = own_lines(program, siblings[-1])
    outer, inner = indent(program, node), indent(program, node.body[0])
    if lines and (edits := reindent(program, lines, outer, inner)):
        yield (Edit(lines.start, lines.start, f"{outer}else:{program.newline}"), *edits)


@refactoring(
    "elif-after-return",
    4,
    (ast.If,),
    "every branch before it ends with return, continue, break or raise",
    "def f(a, b):\n    if a:\n        return 1\n    elif b:\n        return 2",
    "def f(a, b):\n    if a:\n        return 1\n    if b:\n        return 2",
)
def elif_after_return(node: ast.If, program: ProgramAnalysis) -> Iterator[Edits]:
    """``elif`` after a branch that always leaves as ``if``."""
    if not is_elif(program, node):
        return
    branch = program.parents[node]
    assert isinstance(branch, ast.If)
    while isinstance(branch.body[-1], _ENDS):
        if not is_elif(program, branch):
            start = program.span(node).start
            yield (Edit(start, start + len("elif"), "if"),)
            return
        parent = program.parents[branch]
        assert isinstance(parent, ast.If)
        branch = parent


@refactoring(
    "ifs-merged",
    3,
    (ast.If,),
    "an `if` that contains only another `if`; neither has an `else`",
    "if a:\n    if b:\n        go()",
    "if a and b:\n    go()",
)
def ifs_merged(node: ast.If, program: ProgramAnalysis) -> Iterator[Edits]:
    """Nested conditions as one condition."""
    inner = node.body[0]
    if node.orelse or len(node.body) > 1 or not isinstance(inner, ast.If) or inner.orelse:
        return
    body, line = block(program, inner.body), own_lines(program, inner)
    tests = (node.test, inner.test)
    texts = [program.text(test) if isinstance(test, _OPERANDS) else f"({program.text(test)})" for test in tests]
    if not body or not line or any(char in text for text in texts for char in "\n#"):
        return
    head = Span(line.start, program.line_end(line.start))
    plain = program.source[program.outer(inner.test).end : head.end].strip() == ":"
    edits = reindent(program, body, indent(program, inner.body[0]), indent(program, inner))
    if plain and edits and body.start > head.end:
        yield (Edit(*program.outer(node.test), " and ".join(texts)), delete_lines(program, head), *edits)


@refactoring(
    "if-split",
    3,
    (ast.If,),
    "the condition is joined by `and`; there is no `else` or `elif`",
    "if a and b:\n    go()",
    "if a:\n    if b:\n        go()",
)
def if_split(node: ast.If, program: ProgramAnalysis) -> Iterator[Edits]:
    """A conjunction as nested conditions."""
    body, test = block(program, node.body), node.test
    if node.orelse or not body or not isinstance(test, ast.BoolOp) or not isinstance(test.op, ast.And):
        return
    outer, inner = indent(program, node), indent(program, node.body[0])
    edits = reindent(program, body, inner, inner + inner[len(outer) :])
    joint = program.operator(test.values[0], test.values[1])
    bare = program.outer(test) == program.span(test) and "\n" not in program.text(test)
    if edits and joint and bare:
        first, second = program.outer(test.values[0]), program.outer(test.values[1])
        yield (Edit(first.end, second.start, f":{program.newline}{inner}if "), *edits)


@refactoring(
    "choice-as-if",
    4,
    (ast.Assign, ast.Return),
    "an assignment to one name, or a return, whose value is a conditional expression",
    "x = a if c else b",
    "if c:\n    x = a\nelse:\n    x = b",
)
def choice_as_if(node: ast.Assign | ast.Return, program: ProgramAnalysis) -> Iterator[Edits]:
    """A conditional expression as a statement."""
    value = node.value
    if not isinstance(value, ast.IfExp) or not own_lines(program, node) or "\n" in program.text(node):
        return
    if isinstance(node, ast.Assign) and not (len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)):
        return
    if program.outer(value) != program.span(value):
        return
    head = program.source[program.span(node).start : program.span(value).start]
    margin, unit, newline = indent(program, node), indentation(program), program.newline
    yes, no = program.outer_text(value.body), program.outer_text(value.orelse)
    lines = (
        f"if {program.outer_text(value.test)}:",
        f"{margin}{unit}{head}{yes}",
        f"{margin}else:",
        f"{margin}{unit}{head}{no}",
    )
    yield (program.replace(node, newline.join(lines)),)


@refactoring(
    "if-as-choice",
    4,
    (ast.If,),
    "both branches are one assignment to the same name, or one return",
    "if c:\n    x = a\nelse:\n    x = b",
    "x = a if c else b",
)
def if_as_choice(node: ast.If, program: ProgramAnalysis) -> Iterator[Edits]:
    """A statement with two one-line branches as a conditional expression."""
    if is_elif(program, node) or len(node.body) != 1 or len(node.orelse) != 1:
        return
    match node.body[0], node.orelse[0]:
        case (
            ast.Assign(targets=[ast.Name(id=left)], value=yes),
            ast.Assign(targets=[ast.Name(id=right)], value=no),
        ) if left == right:
            head = f"{left} = "
        case ast.Return(value=ast.expr() as yes), ast.Return(value=ast.expr() as no):
            head = "return "
        case _:
            return
    parts = (yes, node.test, no)
    if all(isinstance(part, (*_OPERANDS, ast.BinOp, ast.BoolOp, ast.List)) for part in parts):
        text = f"{head}{program.text(yes)} if {program.text(node.test)} else {program.text(no)}"
        if "\n" not in text and "#" not in program.text(node):
            yield (program.replace(node, text),)


@refactoring(
    "returns-as-choice",
    4,
    (ast.If,),
    "an `if` that contains only a return, followed by a return",
    "def f(c):\n    if c:\n        return 1\n    return 2",
    "def f(c):\n    return 1 if c else 2",
)
def returns_as_choice(node: ast.If, program: ProgramAnalysis) -> Iterator[Edits]:
    """``if c: return a`` and ``return b`` as one conditional expression."""
    siblings = program.siblings(node)
    following = siblings[siblings.index(node) + 1 :][:1]
    match node.body, following:
        case [ast.Return(value=ast.expr() as yes)], [ast.Return(value=ast.expr() as no) as last] if not node.orelse:
            span = Span(program.span(node).start, program.span(last).end)
        case _:
            return
    if is_elif(program, node) or not own_lines(program, node) or not own_lines(program, last):
        return
    plain = not any(isinstance(part, ast.IfExp | ast.Lambda | ast.Tuple) for part in (yes, no, node.test))
    texts = [program.outer_text(part) for part in (yes, node.test, no)]
    if plain and not any("\n" in text for text in texts) and "#" not in program.source[span.start : span.end]:
        yield (Edit(*span, f"return {texts[0]} if {texts[1]} else {texts[2]}"),)
