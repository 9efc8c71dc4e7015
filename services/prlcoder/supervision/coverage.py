"""Variants that no test can judge: those that differ from the canonical program only where no test ever gets.

The canonical program is run once more with a mark before every statement. It is an ordinary program of the executor:
it says which marks it passed by the name of an exception that it raises after the last test, the one text that comes
out of every kind of run. The answer decides only whether a variant is dropped, never a label; where there is none
(a limit, a program that cannot be printed back) everything counts as executed.

What is not seen: the parts of a statement (the untaken side of ``a if c else b``), and the difference between a
statement that ran once and one that ran often.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TypeGuard

from prlcoder.executor import ExecutionRequest, ExecutionResult, ResourceLimits
from prlcoder.problems.model import AssertTests, CallTest, CallTests, Problem, StdioTests, Tests

_SEEN, _REPORT, _AFTER = "_prlcoder_seen", "_prlcoder_report", "_prlcoder_after"
_PREFIX = "Executed_"
_MOST = 700  # statements: a class name of 200 characters comes out whole, four of them a hexadecimal digit
_SLOWER = 3.0  # the limits of a marked program, as a multiple of the plain one's
_PRELUDE = f"""
{_SEEN} = bytearray({{count}})
def {_REPORT}():
    bits = sum(bit << place for place, bit in enumerate({_SEEN}))
    raise type(f'{_PREFIX}{{{{bits:x}}}}', (Exception,), {{{{}}}})
def {_AFTER}(calls, made=[0]):
    made[0] += 1
    return {_REPORT} if made[0] > calls else None
"""


@dataclass(frozen=True)
class Coverage:
    """A program's statements, and those of them that no test executes."""

    tree: ast.Module
    never: frozenset[ast.stmt]

    def reaches(self, variant: str) -> bool:
        """Whether some test may execute code in which ``variant`` (a whole program) differs from the program.

        A rewrite that moves a statement out of an unreached suite is reached: what counts is the first place of a
        statement list at which the two differ.
        """
        if not self.never:
            return True
        try:
            other = ast.parse(variant)
        except (SyntaxError, ValueError, RecursionError):
            return True
        return self._suite_reached(self.tree.body, other.body)

    def _suite_reached(self, old: Sequence[ast.stmt], new: Sequence[ast.stmt]) -> bool:
        for before, after in zip_longest(old, new):
            if before in self.never:
                return False  # nor is what follows it
            if before is None or after is None or self._node_reached(before, after):
                return True
        return False

    def _node_reached(self, before: ast.AST, after: ast.AST) -> bool:
        """The same for a statement that is executed, or one of its clauses."""
        if type(before) is not type(after):
            return True
        for name in before._fields:
            ours, theirs = getattr(before, name, None), getattr(after, name, None)
            if _is_suite(ours) and _is_suite(theirs):
                reached = self._suite_reached(ours, theirs)
            elif _has_clauses(ours) and _has_clauses(theirs) and len(ours) == len(theirs):
                reached = any(self._node_reached(*clauses) for clauses in zip(ours, theirs, strict=True))
            else:
                reached = not _same(ours, theirs)
            if reached:
                return True
        return False


def _is_suite(value: object) -> TypeGuard[list[ast.stmt]]:
    return isinstance(value, list) and bool(value) and isinstance(value[0], ast.stmt)


def _has_clauses(value: object) -> TypeGuard[list[ast.AST]]:
    return isinstance(value, list) and bool(value) and isinstance(value[0], ast.ExceptHandler | ast.match_case)


def _same(left: object, right: object) -> bool:
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, ast.AST) and isinstance(right, ast.AST):
        return ast.dump(left) == ast.dump(right)
    return type(left) is type(right) and left == right


def executions(problem: Problem, limits: ResourceLimits) -> list[ExecutionRequest]:
    """The runs of the marked canonical program whose results ``read`` understands: one, or one a test where each test
    is a run of its own; none if the program cannot be printed back."""
    try:
        tree = ast.parse(problem.canonical)
        marked = _marked(tree, whole=isinstance(problem.tests, StdioTests))
    except (SyntaxError, ValueError, RecursionError):
        return []
    more = replace(limits, cpu_s=limits.cpu_s * _SLOWER, wall_s=limits.wall_s * _SLOWER)
    return [ExecutionRequest(marked, tests, problem.preamble, more) for tests in _reporting(problem.tests)]


def read(problem: Problem, results: Iterable[ExecutionResult]) -> Coverage:
    """What the results of ``executions`` say."""
    tree = ast.parse(problem.canonical)
    bits = 0
    for result in results:
        report = re.fullmatch(f"{_PREFIX}([0-9a-f]+)", result.reason)
        if report is None:
            return Coverage(tree, frozenset())
        bits |= int(report.group(1), 16)
    if not bits:
        return Coverage(tree, frozenset())
    return Coverage(tree, frozenset(node for place, node in enumerate(_statements(tree)) if not bits >> place & 1))


def _statements(tree: ast.Module) -> list[ast.stmt]:
    """The statements that get a mark, in the order of their marks."""
    return [node for suite in _suites(tree) for node in suite if not _is_fixed(node)][:_MOST]


def _suites(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for _, value in ast.iter_fields(node):
            if _is_suite(value):
                yield value


def _is_fixed(node: ast.stmt) -> bool:
    """Docstrings and imports from ``__future__`` must stay first in their suite."""
    match node:
        case ast.Expr(value=ast.Constant(value=str())) | ast.ImportFrom(module="__future__"):
            return True
    return False


def _marked(tree: ast.Module, whole: bool) -> str:
    """The program with a mark before each statement; ``whole``: it reports at its own end, however it ends."""
    places = {node: place for place, node in enumerate(_statements(tree))}
    for suite in list(_suites(tree)):
        suite[:] = [
            part
            for node in suite
            for part in ([_parse(f"{_SEEN}[{places[node]}] = 1"), node] if node in places else [node])
        ]
    fixed = [node for node in tree.body if _is_fixed(node)]
    body = [node for node in tree.body if not _is_fixed(node)]
    if whole:
        body = [ast.Try(body, [], [], [_parse(f"{_REPORT}()")])]
    prelude = ast.parse(_PRELUDE.format(count=len(places))).body
    return ast.unparse(ast.Module([*fixed, *prelude, *body], []))


def _parse(statement: str) -> ast.stmt:
    return ast.parse(statement).body[0]


def _reporting(tests: Tests) -> list[Tests]:
    """The same tests, after the last of which the program reports."""
    if isinstance(tests, CallTests):
        entry = f"{_AFTER}({len(tests.cases)}) or {tests.entry_point}"
        return [replace(tests, entry_point=entry, cases=(*tests.cases, CallTest((), {}, None)))]
    if isinstance(tests, StdioTests):
        return [replace(tests, cases=(case,)) for case in tests.cases]
    return [_reporting_asserts(tests)]


def _reporting_asserts(tests: AssertTests) -> AssertTests:
    tree = ast.parse(tests.source)
    call = _parse(f"{_REPORT}()")
    checks = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "check"]
    (checks[-1].body if tests.check and checks else tree.body).append(call)
    return replace(tests, source=ast.unparse(tree))
