"""Loops in another form."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from prlcoder.mutator.rules.edits import Edit, Edits
from prlcoder.mutator.rules.layout import block, indent, indentation, own_lines
from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.mutator.rules.purity import is_inert
from prlcoder.mutator.rules.registry import refactoring

_RESIZING = frozenset({"append", "extend", "insert", "pop", "remove", "clear", "popleft", "appendleft", "add"})
DELAYED = (ast.Lambda, ast.GeneratorExp, ast.Await, ast.NamedExpr, ast.Yield, ast.YieldFrom)
CollectingComprehension = ast.ListComp | ast.SetComp | ast.DictComp


@refactoring(
    "range-as-while",
    3,
    (ast.For,),
    "no `continue`, no `else`; nothing in the loop changes the bounds; the loop variable is a local that is not "
    "assigned in the loop, not used outside it and not captured",
    "def f(n):\n    for i in range(n):\n        go(i)",
    "def f(n):\n    i = 0\n    while i < n:\n        go(i)\n        i += 1",
)
def range_as_while(node: ast.For, program: ProgramAnalysis) -> Iterator[Edits]:
    """``for i in range(a, b)`` as a ``while`` loop."""
    match node:
        case ast.For(target=ast.Name() as target, iter=ast.Call(func=ast.Name(id="range") as callee, args=bounds)):
            body = block(program, node.body)
            plain = program.scopes.is_builtin(callee) and len(bounds) in (1, 2) and "\n" not in program.text(node.iter)
            if not (body and plain and own_lines(program, node)) or node.orelse:
                return
            if any(isinstance(part, ast.Continue) for part in ast.walk(node)):
                return
            if not all(is_fixed(bound, node, program) for bound in bounds) or not is_private(target, node, program):
                return
        case _:
            return
    name, stop = target.id, program.text(bounds[-1])
    first = program.text(bounds[0]) if len(bounds) == 2 else "0"
    colon = program.source.find(":", program.span(node.iter).end) + 1
    head = f"{name} = {first}{program.newline}{indent(program, node)}while {name} < {stop}:"
    step = f"{program.newline}{indent(program, node.body[0])}{name} += 1"
    yield (Edit(program.span(node).start, colon, head), Edit(body.end, body.end, step))


def is_fixed(bound: ast.expr, loop: ast.For | ast.While, program: ProgramAnalysis) -> bool:
    """Whether a bound has the same value in each iteration.

    It may consist of variables that the loop does not bind and of lengths that nothing in the loop changes.
    """
    match bound:
        case ast.Call(func=ast.Name(id="len") as callee, args=[ast.Name() as inner]):
            if not program.scopes.is_builtin(callee) or resizes(loop):
                return False
            names = [inner]
        case _ if is_inert(bound):
            names = [part for part in ast.walk(bound) if isinstance(part, ast.Name)]
        case _:
            return False
    return all(_is_unchanged(name, loop, program) for name in names)


def resizes(loop: ast.For | ast.While) -> bool:
    """Whether something in the loop may change the length of a sequence."""
    for part in ast.walk(loop):
        if isinstance(part, ast.Attribute) and part.attr in _RESIZING:
            return True
        if isinstance(part, ast.Delete) or (isinstance(part, ast.Subscript) and isinstance(part.ctx, ast.Del)):
            return True
        if isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Slice) and isinstance(part.ctx, ast.Store):
            return True
    return False


def _is_unchanged(name: ast.Name, loop: ast.For | ast.While, program: ProgramAnalysis) -> bool:
    scope = program.scopes.of(name)
    if scope is None or not scope.is_function:
        return False
    within = program.span(loop)
    for part in scope.occurrences[name.id]:
        if isinstance(part, ast.Global | ast.Nonlocal):
            return False
        stored = isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load)
        if stored and (not program.editable(part) or within.start <= program.span(part).start < within.end):
            return False
    return True


def is_private(target: ast.Name, loop: ast.For, program: ProgramAnalysis) -> bool:
    """Whether the loop variable is a local that only this loop binds and only its iterations read."""
    scope = program.scopes.of(target)
    if scope is None or not scope.is_function:
        return False
    within = program.span(loop)
    for part in scope.occurrences[target.id]:
        if not isinstance(part, ast.Name) or not program.editable(part):
            return False
        inside = within.start <= program.span(part).start < within.end
        around = program.scopes.around(part)
        prompt = around is scope or isinstance(around.node, ast.ListComp | ast.SetComp | ast.DictComp)
        if not inside or not prompt or (part is not target and not isinstance(part.ctx, ast.Load)):
            return False
    return True


@refactoring(
    "comprehension-as-loop",
    4,
    (ast.Assign,),
    "in a function, not in a `try`; the comprehension's variables are new to the function; nothing in it is evaluated "
    "later or binds outside",
    "def f(xs):\n    ys = [x * x for x in xs if x]\n    return ys",
    "def f(xs):\n    ys = []\n    for x in xs:\n        if x:\n            ys.append(x * x)\n    return ys",
)
def comprehension_as_loop(node: ast.Assign, program: ProgramAnalysis) -> Iterator[Edits]:
    """``xs = [...]`` built element by element."""
    match node:
        case (
            ast.Assign(
                targets=[ast.Name(id=name) as target],
                value=ast.ListComp(generators=[clause]) | ast.SetComp(generators=[clause]) as value,
            )
            | ast.Assign(targets=[ast.Name(id=name) as target], value=ast.DictComp(generators=[clause]) as value)
        ):
            scope = program.scopes.of(target)
        case _:
            return
    tried = any(isinstance(part, ast.Try) for part in program.ancestors(node))
    if scope is None or not scope.is_function or tried or clause.is_async or not own_lines(program, node):
        return
    text = program.text(node)
    used = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}
    if "\n" in text or name in used or any(isinstance(part, DELAYED) for part in ast.walk(value)):
        return
    if _are_new(value, program):
        yield (program.replace(node, _loop(name, value, clause, indent(program, node), program)),)


def _are_new(value: CollectingComprehension, program: ProgramAnalysis) -> bool:
    """Whether the comprehension's variables occur nowhere else in the program."""
    own = program.scopes.by_node[value].occurrences
    counts = {name: len(occurrences) for name, occurrences in own.items()}
    named = [part for part in ast.walk(program.tree) if isinstance(part, ast.Name | ast.arg)]
    everywhere = [part.id if isinstance(part, ast.Name) else part.arg for part in named]
    return all(everywhere.count(name) == count for name, count in counts.items())


def _loop(
    name: str, value: CollectingComprehension, clause: ast.comprehension, margin: str, program: ProgramAnalysis
) -> str:
    unit, add = indentation(program), _addition(name, value, program)
    empty = {ast.ListComp: "[]", ast.SetComp: "set()", ast.DictComp: "{}"}[type(value)]
    lines = [f"{name} = {empty}", f"{margin}for {program.text(clause.target)} in {program.outer_text(clause.iter)}:"]
    for condition in clause.ifs:
        margin += unit
        lines.append(f"{margin}if {program.outer_text(condition)}:")
    lines.append(f"{margin}{unit}{add}")
    return program.newline.join(lines)


def _addition(name: str, value: CollectingComprehension, program: ProgramAnalysis) -> str:
    if isinstance(value, ast.DictComp):
        return f"{name}[{program.text(value.key)}] = {program.text(value.value)}"
    method = "append" if isinstance(value, ast.ListComp) else "add"
    return f"{name}.{method}({program.text(value.elt)})"
