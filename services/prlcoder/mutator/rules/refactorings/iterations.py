"""Loops over sequences in another form."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from prlcoder.mutator.rules.edits import Edit, Edits
from prlcoder.mutator.rules.inference import INT
from prlcoder.mutator.rules.layout import block, delete_lines, own_lines
from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.mutator.rules.refactorings.loops import DELAYED, is_fixed, is_private, resizes
from prlcoder.mutator.rules.refactorings.names import fresh_names
from prlcoder.mutator.rules.registry import refactoring

_LIST = frozenset({"list"})
_INDEXED = frozenset({"list", "str"})


@refactoring(
    "loop-as-comprehension",
    4,
    (ast.For,),
    "the loop does nothing but append to a list that it does not read, not in a `try`; the loop variable is a local "
    "that nothing else uses",
    "def f(xs):\n    ys = []\n    for x in xs:\n        if x:\n            ys.append(x * x)\n    return ys",
    "def f(xs):\n    ys = []\n    ys.extend([x * x for x in xs if x])\n    return ys",
)
def loop_as_comprehension(node: ast.For, program: ProgramAnalysis) -> Iterator[Edits]:
    """A loop that appends as one ``extend``."""
    inner, test = _under_condition(node.body)
    match node.target, inner:
        case (
            ast.Name() as target,
            [ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name) as out, attr="append"), args=[item]))],
        ):
            pass
        case _:
            return
    parts = [part for part in (item, node.iter, test) if part is not None]
    reads = [part for whole in parts for part in ast.walk(whole)]
    quiet = not any(isinstance(part, DELAYED) or (isinstance(part, ast.Name) and part.id == name) for part in reads)
    tried = any(isinstance(part, ast.Try) for part in program.ancestors(node))
    if node.orelse or tried or not quiet or not own_lines(program, node) or "#" in program.text(node):
        return
    texts = [program.outer_text(part) for part in parts]
    one_line = not any("\n" in text for text in texts)
    if one_line and program.types.name_is(out, _LIST) and is_private(target, node, program):
        condition = f" if {texts[2]}" if test is not None else ""
        text = f"{name}.extend([{texts[0]} for {target.id} in {texts[1]}{condition}])"
        yield (program.replace(node, text),)


def _under_condition(body: list[ast.stmt]) -> tuple[list[ast.stmt], ast.expr | None]:
    """Return the statements of a loop body, and the condition that guards all of them, if there is one."""
    match body:
        case [ast.If(test=test, body=inner, orelse=[])]:
            return inner, test
    return body, None


@refactoring(
    "index-as-enumerate",
    4,
    (ast.For,),
    "a list or str that the loop reads at the loop variable and does not change, whose index is not assigned",
    "def f(xs: list):\n    for i in range(len(xs)):\n        go(i, xs[i])",
    "def f(xs: list):\n    for i, value in enumerate(xs):\n        go(i, value)",
)
def index_as_enumerate(node: ast.For, program: ProgramAnalysis) -> Iterator[Edits]:
    """``range(len(xs))`` and ``xs[i]`` as ``enumerate(xs)``."""
    match node:
        case ast.For(
            target=ast.Name(id=index) as target,
            iter=ast.Call(
                func=ast.Name(id="range") as made, args=[ast.Call(func=ast.Name(id="len"), args=[ast.Name() as xs])]
            ),
        ) if program.scopes.is_builtin(made) and program.types.name_is(xs, _INDEXED):
            pass
        case _:
            return
    inside = [part for statement in node.body for part in ast.walk(statement)]
    names = [part for part in inside if isinstance(part, ast.Name)]
    if resizes(node) or any(part.id == index and not isinstance(part.ctx, ast.Load) for part in names):
        return
    reads = [part for part in inside if _is_item(part, xs.id, index)]
    if not reads or sum(part.id == xs.id for part in names) != len(reads) or not all(map(program.editable, reads)):
        return
    if any(isinstance(part, ast.Attribute) and part.attr in ("sort", "reverse") for part in inside):
        return
    for name in fresh_names("num", program)[:2]:
        head = Edit(program.span(target).start, program.span(node.iter).end, f"{index}, {name} in enumerate({xs.id})")
        yield (head, *(program.replace(part, name) for part in reads))


def _is_item(node: ast.AST, sequence: str, index: str) -> bool:
    match node:
        case ast.Subscript(value=ast.Name(id=base), slice=ast.Name(id=place), ctx=ast.Load()):
            return (base, place) == (sequence, index)
    return False


@refactoring(
    "while-as-range",
    1,
    (ast.While,),
    "an int local that starts on the line before, is one more at the end of each turn and is used nowhere else; no "
    "`continue`, no `else`; nothing in the loop changes the bound",
    "def f(n):\n    i = 0\n    while i < n:\n        go(i)\n        i += 1",
    "def f(n):\n    for i in range(0, n):\n        go(i)",
)
def while_as_range(node: ast.While, program: ProgramAnalysis) -> Iterator[Edits]:
    """A counting ``while`` loop as a ``for`` loop."""
    siblings = program.siblings(node)
    before = siblings[siblings.index(node) - 1] if siblings.index(node) else None
    match before, node.test, node.body[-1]:
        case (
            ast.Assign(targets=[ast.Name(id=name) as target], value=first),
            ast.Compare(left=ast.Name(id=tested), ops=[ast.Lt()], comparators=[bound]),
            ast.AugAssign(target=ast.Name(id=counted), op=ast.Add(), value=ast.Constant(value=1)) as step,
        ) if name == tested == counted and len(node.body) > 1:
            pass
        case _:
            return
    start, last = own_lines(program, before), own_lines(program, step)
    body, scope = block(program, node.body), program.scopes.of(target)
    if not (start and last and body and scope) or node.orelse or program.types.of(target) != INT:
        return
    if any(isinstance(part, ast.Continue) for part in ast.walk(node)) or not is_fixed(bound, node, program):
        return
    writes = [part for part in scope.occurrences[name] if not _is_read_in(part, node, program)]
    known = {target, node.test.left, step.target}
    if scope.is_function and set(writes) <= known and "\n" not in program.text(bound):
        head = f"for {name} in range({program.text(first)}, {program.text(bound)})"
        yield (
            delete_lines(program, start),
            Edit(program.span(node).start, program.span(node.test).end, head),
            delete_lines(program, last),
        )


def _is_read_in(part: ast.AST, loop: ast.While, program: ProgramAnalysis) -> bool:
    within = program.span(loop)
    return (
        isinstance(part, ast.Name)
        and isinstance(part.ctx, ast.Load)
        and program.editable(part)
        and within.start <= program.span(part).start < within.end
    )
