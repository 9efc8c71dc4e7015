"""Whole statements that are missing or misplaced."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from prlcoder.mutator.rules.edits import Edits, swap
from prlcoder.mutator.rules.layout import delete_lines, is_elif, own_lines
from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.mutator.rules.registry import BugClass, mutation

_STEPS = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr)
_ENDS = (ast.Return, ast.Continue, ast.Break, ast.Raise)


def _without(node: ast.stmt, program: ProgramAnalysis) -> Iterator[Edits]:
    """Yield the program without the statement, if its body has another one. No ``pass`` is inserted."""
    if len(program.siblings(node)) > 1 and (lines := own_lines(program, node)):
        yield (delete_lines(program, lines),)


@mutation("statement-missing", BugClass.MISSING, 5, _STEPS, "n += 1\ngo(n)", "go(n)")
def statement_missing(node: ast.stmt, program: ProgramAnalysis) -> Iterator[Edits]:
    """A statement is forgotten. The update of a loop has its own operator, ``update-missing``."""
    if not _steers_loop(node, program):
        yield from _without(node, program)


@mutation(
    "update-missing",
    BugClass.MISSING,
    0.5,
    (ast.Assign, ast.AugAssign),
    "while n > 0:\n    go(n)\n    n -= 1",
    "while n > 0:\n    go(n)",
)
def update_missing(node: ast.stmt, program: ProgramAnalysis) -> Iterator[Edits]:
    """A ``while`` loop never ends. Rare on purpose, because each such variant runs until the time limit."""
    if _steers_loop(node, program):
        yield from _without(node, program)


def _steers_loop(node: ast.stmt, program: ProgramAnalysis) -> bool:
    """Whether the statement uses a name that the condition of an enclosing ``while`` reads."""
    tests = [loop.test for loop in program.ancestors(node) if isinstance(loop, ast.While)]
    read = {part.id for test in tests for part in ast.walk(test) if isinstance(part, ast.Name)}
    return bool(read) and any(isinstance(part, ast.Name) and part.id in read for part in ast.walk(node))


@mutation(
    "guard-missing",
    BugClass.MISSING,
    4,
    (ast.If,),
    "def f(n):\n    if n == 0:\n        return 1\n    return n * f(n - 1)",
    "def f(n):\n    return n * f(n - 1)",
)
def guard_missing(node: ast.If, program: ProgramAnalysis) -> Iterator[Edits]:
    """A special case or the base case of a recursion is forgotten."""
    if not node.orelse and isinstance(node.body[-1], _ENDS) and not is_elif(program, node):
        yield from _without(node, program)


@mutation(
    "branch-missing",
    BugClass.MISSING,
    3,
    (ast.If,),
    "if x > best:\n    best = x\ngo(best)",
    "go(best)",
)
def branch_missing(node: ast.If, program: ProgramAnalysis) -> Iterator[Edits]:
    """A conditional action is forgotten."""
    if not node.orelse and not isinstance(node.body[-1], _ENDS) and not is_elif(program, node):
        yield from _without(node, program)


@mutation(
    "break-missing",
    BugClass.MISSING,
    2,
    (ast.Break, ast.Continue),
    "for x in xs:\n    if x:\n        n = x\n        break",
    "for x in xs:\n    if x:\n        n = x",
)
def break_missing(node: ast.Break | ast.Continue, program: ProgramAnalysis) -> Iterator[Edits]:
    """The loop, or the current iteration, is not left."""
    yield from _without(node, program)


@mutation(
    "import-missing",
    BugClass.REFERENCE,
    0.3,
    (ast.Import, ast.ImportFrom),
    "import math\nx = math.pi",
    "x = math.pi",
)
def import_missing(node: ast.Import | ast.ImportFrom, program: ProgramAnalysis) -> Iterator[Edits]:
    """A module is used but not imported. Rare on purpose, because it is unrelated to the task."""
    yield from _without(node, program)


@mutation(
    "statements-swapped",
    BugClass.FLOW,
    4,
    _STEPS,
    "prev = cur\ncur = cur + 1",
    "cur = cur + 1\nprev = cur",
)
def statements_swapped(node: ast.stmt, program: ProgramAnalysis) -> Iterator[Edits]:
    """Two neighbouring statements run in the wrong order; one of them binds a name that the other uses."""
    siblings = program.siblings(node)
    place = siblings.index(node) + 1
    following = siblings[place] if place < len(siblings) else None
    if not isinstance(following, _STEPS) or not _depend(node, following):
        return
    first, second = own_lines(program, node), own_lines(program, following)
    if first and second:
        yield swap(program.source, first, second)


def _depend(left: ast.stmt, right: ast.stmt) -> bool:
    left_reads, left_binds = _names(left)
    right_reads, right_binds = _names(right)
    return bool(left_binds & (right_reads | right_binds) or right_binds & left_reads)


def _names(node: ast.stmt) -> tuple[set[str], set[str]]:
    """Return the names read and the names bound. An augmented assignment does both."""
    names = [part for part in ast.walk(node) if isinstance(part, ast.Name)]
    binds = {part.id for part in names if not isinstance(part.ctx, ast.Load)}
    reads = {part.id for part in names if isinstance(part.ctx, ast.Load)}
    return (reads | binds if isinstance(node, ast.AugAssign) else reads), binds
