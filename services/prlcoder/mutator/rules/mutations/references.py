"""Reference errors: the wrong name."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from prlcoder.mutator.rules.edits import Edit, Edits, swap
from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.mutator.rules.registry import BugClass, mutation
from prlcoder.mutator.rules.visibility import similar_names

_METHODS = {
    "lower": "upper",
    "upper": "lower",
    "strip": "rstrip",
    "lstrip": "rstrip",
    "rstrip": "lstrip",
    "find": "rfind",
    "rfind": "find",
    "startswith": "endswith",
    "endswith": "startswith",
    "keys": "values",
    "values": "keys",
    "isalpha": "isalnum",
    "isalnum": "isalpha",
    "islower": "isupper",
    "isupper": "islower",
    "popleft": "pop",
    "appendleft": "append",
    "union": "intersection",
    "intersection": "union",
    "bisect_left": "bisect_right",
    "bisect_right": "bisect_left",
    "add": "discard",
}
_FUNCTIONS = {
    "sum": ("len", "max"),
    "len": ("sum",),
    "floor": ("ceil",),
    "ceil": ("floor",),
    "heappush": ("heappop",),
    "bisect_left": ("bisect_right",),
    "bisect_right": ("bisect_left",),
    "permutations": ("combinations",),
    "combinations": ("permutations",),
    "ord": ("int",),
    "round": ("int",),
}


@mutation(
    "variable-swapped",
    BugClass.REFERENCE,
    6,
    (ast.Name,),
    "def f(low, high, x):\n    mid = low + high\n    return mid",
    "def f(low, high, x):\n    mid = low + x\n    return mid",
)
def variable_swapped(node: ast.Name, program: ProgramAnalysis) -> Iterator[Edits]:
    """Another variable that is visible here and may have the same type."""
    parent = program.parents[node]
    if isinstance(parent, ast.Return) or (isinstance(parent, ast.Call) and parent.func is node):
        return
    beside = {part.id for part in ast.iter_child_nodes(parent) if isinstance(part, ast.Name)}
    for name in similar_names(node, program):
        if name not in beside:  # nobody writes `x - x` or `max(x, x)`
            yield (program.replace(node, name),)


@mutation(
    "return-variable",
    BugClass.REFERENCE,
    2,
    (ast.Return,),
    "def f(xs):\n    total = count = 0\n    return total",
    "def f(xs):\n    total = count = 0\n    return count",
)
def return_variable(node: ast.Return, program: ProgramAnalysis) -> Iterator[Edits]:
    """Another variable is returned."""
    if isinstance(node.value, ast.Name):
        for name in similar_names(node.value, program):
            yield (program.replace(node.value, name),)


@mutation(
    "return-none",
    BugClass.REFERENCE,
    0.1,
    (ast.Return,),
    "def f(x):\n    return x",
    "def f(x):\n    return None",
)
def return_none(node: ast.Return, program: ProgramAnalysis) -> Iterator[Edits]:
    """Nothing is returned."""
    if node.value is not None:
        yield (Edit(*program.outer(node.value), "None"),)


@mutation(
    "rows-shared",
    BugClass.REFERENCE,
    2,
    (ast.ListComp,),
    "grid = [[0] * n for _ in range(m)]",
    "grid = [[0] * n] * m",
)
def rows_shared(node: ast.ListComp, program: ProgramAnalysis) -> Iterator[Edits]:
    """All rows of a table are one shared list."""
    match node:
        case ast.ListComp(
            elt=ast.List() | ast.BinOp(left=ast.List()) as row,
            generators=[
                ast.comprehension(
                    target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=[count]), ifs=[]
                )
            ],
        ):
            text = program.text(count)
            if not any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(row)):
                times = f"({text})" if isinstance(count, ast.BinOp) else text
                yield (program.replace(node, f"[{program.text(row)}] * {times}"),)


def _rename_callee(node: ast.Call, program: ProgramAnalysis, texts: tuple[str, ...]) -> Iterator[Edits]:
    """Yield the call with each of these names; nothing if the program itself binds the old name."""
    if program.scopes.is_builtin(node.func):
        for text in texts:
            yield (program.replace(node.func, text),)


@mutation("min-max", BugClass.REFERENCE, 5, (ast.Call,), "x = min(a, b)", "x = max(a, b)")
def min_max(node: ast.Call, program: ProgramAnalysis) -> Iterator[Edits]:
    """``min`` and ``max`` are confused."""
    if isinstance(node.func, ast.Name) and node.func.id in ("min", "max"):
        yield from _rename_callee(node, program, ("max" if node.func.id == "min" else "min",))


@mutation("any-all", BugClass.REFERENCE, 3, (ast.Call,), "ok = any(flags)", "ok = all(flags)")
def any_all(node: ast.Call, program: ProgramAnalysis) -> Iterator[Edits]:
    """``any`` and ``all`` are confused."""
    if isinstance(node.func, ast.Name) and node.func.id in ("any", "all"):
        yield from _rename_callee(node, program, ("all" if node.func.id == "any" else "any",))


@mutation("function-swapped", BugClass.REFERENCE, 3, (ast.Call,), "n = sum(xs)", "n = len(xs)")
def function_swapped(node: ast.Call, program: ProgramAnalysis) -> Iterator[Edits]:
    """A function is confused with a related library function."""
    if isinstance(node.func, ast.Name):
        yield from _rename_callee(node, program, _FUNCTIONS.get(node.func.id, ()))


def _rename_method(node: ast.Attribute, program: ProgramAnalysis, text: str) -> Edits:
    start, end = program.span(node)
    return (program.replace(node, program.source[start : end - len(node.attr)] + text),)


@mutation("append-extend", BugClass.REFERENCE, 3, (ast.Attribute,), "out.append(x)", "out.extend(x)")
def append_extend(node: ast.Attribute, program: ProgramAnalysis) -> Iterator[Edits]:
    """``append`` and ``extend`` are confused."""
    if node.attr in ("append", "extend"):
        yield _rename_method(node, program, "extend" if node.attr == "append" else "append")


@mutation("method-swapped", BugClass.REFERENCE, 3, (ast.Attribute,), "t = s.lower()", "t = s.upper()")
def method_swapped(node: ast.Attribute, program: ProgramAnalysis) -> Iterator[Edits]:
    """A method is confused with a related one."""
    called = isinstance(parent := program.parents[node], ast.Call) and parent.func is node
    if called and node.attr in _METHODS:
        yield _rename_method(node, program, _METHODS[node.attr])


@mutation("indices-swapped", BugClass.REFERENCE, 3, (ast.Subscript,), "x = grid[i][j]", "x = grid[j][i]")
def indices_swapped(node: ast.Subscript, program: ProgramAnalysis) -> Iterator[Edits]:
    """Row and column are exchanged."""
    outer, inner = node, node.value
    if isinstance(inner, ast.Subscript) and not any(isinstance(part.slice, ast.Slice) for part in (outer, inner)):
        yield swap(program.source, program.span(inner.slice), program.span(outer.slice))


@mutation(
    "targets-swapped",
    BugClass.REFERENCE,
    2,
    (ast.Tuple,),
    "for i, x in enumerate(xs):\n    go(i)",
    "for x, i in enumerate(xs):\n    go(i)",
)
def targets_swapped(node: ast.Tuple, program: ProgramAnalysis) -> Iterator[Edits]:
    """What is from_table gets the names in the wrong order."""
    if isinstance(node.ctx, ast.Store) and len(node.elts) == 2:
        left, right = node.elts
        if isinstance(left, ast.Name) and isinstance(right, ast.Name):
            yield swap(program.source, program.span(left), program.span(right))
