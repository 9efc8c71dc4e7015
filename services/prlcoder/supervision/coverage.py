"""Statement coverage: finds variants that no test can judge, because no test executes the code that they change.

The canonical program is run once more with a mark before every statement. For the executor this is an ordinary program.
After the last test it raises an exception whose class name lists the marks that were passed, because the reason of a
failure is the one text that every kind of run returns. Coverage only decides whether a variant is dropped, never a
label. If it is unknown (a limit was reached, or the program cannot be unparsed), every statement counts as executed.

It does not see the parts of a statement (the untaken side of ``a if c else b``), nor how often a statement ran.
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
# The executor reports up to 200 characters of an exception's class name. One hexadecimal digit holds four marks.
_MAX_MARKED_STATEMENTS = 700
_TIME_FACTOR = 3.0  # a marked program gets this multiple of the time limits
# The report is triggered by looking up the entry point once more than there are calls: the expression
# `_prlcoder_after(n) or entry_point` evaluates to the entry point for the first n calls, and then to the report.
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
    """A program's syntax tree, and the statements that no test executes."""

    tree: ast.Module
    never: frozenset[ast.stmt]

    def reaches(self, variant: str) -> bool:
        """Whether a test may execute code in which ``variant`` (a whole program) differs from this program.

        The two trees are compared statement list by statement list. What counts is whether the first position at which
        a list differs is executed; a rewrite that moves a statement out of an unexecuted list is therefore reached.
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
                return False  # if a statement of a list never runs, the statements after it do not run either
            if before is None or after is None or self._node_reached(before, after):
                return True
        return False

    def _node_reached(self, before: ast.AST, after: ast.AST) -> bool:
        """Whether two versions of an executed statement, or of one of its clauses, differ in executed code."""
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
    """Return the runs of the marked canonical program; pass their results to ``read``.

    There is one run, or one per test for standard input/output tests, where each test is a separate process. The list
    is empty if the program cannot be unparsed.
    """
    try:
        tree = ast.parse(problem.canonical)
        marked = _marked(tree, whole=isinstance(problem.tests, StdioTests))
    except (SyntaxError, ValueError, RecursionError):
        return []
    more = replace(limits, cpu_s=limits.cpu_s * _TIME_FACTOR, wall_s=limits.wall_s * _TIME_FACTOR)
    return [ExecutionRequest(marked, tests, problem.preamble, more) for tests in _reporting(problem.tests)]


def read(problem: Problem, results: Iterable[ExecutionResult]) -> Coverage:
    """Return the coverage that the results of ``executions`` report."""
    tree = ast.parse(problem.canonical)
    bits = 0
    for result in results:
        report = re.fullmatch(f"{_PREFIX}([0-9a-f]+)", result.reason)
        if report is None:
            return Coverage(tree, frozenset())
        bits |= int(report.group(1), 16)
    if not bits:  # no run, or no mark passed: then the report says nothing
        return Coverage(tree, frozenset())
    return Coverage(tree, frozenset(node for place, node in enumerate(_statements(tree)) if not bits >> place & 1))


def _statements(tree: ast.Module) -> list[ast.stmt]:
    """Return the statements that get a mark, in the order of their marks."""
    return [node for suite in _suites(tree) for node in suite if not _is_fixed(node)][:_MAX_MARKED_STATEMENTS]


def _suites(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for _, value in ast.iter_fields(node):
            if _is_suite(value):
                yield value


def _is_fixed(node: ast.stmt) -> bool:
    """Whether the statement must stay at the start: docstrings and imports from ``__future__``."""
    match node:
        case ast.Expr(value=ast.Constant(value=str())) | ast.ImportFrom(module="__future__"):
            return True
    return False


def _marked(tree: ast.Module, whole: bool) -> str:
    """Return the program with a mark before each statement. If ``whole``, it reports when it ends, however it ends."""
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
        # `finally` also runs after sys.exit and after an uncaught exception; the report then replaces that exception.
        body = [ast.Try(body, [], [], [_parse(f"{_REPORT}()")])]
    prelude = ast.parse(_PRELUDE.format(count=len(places))).body
    return ast.unparse(ast.Module([*fixed, *prelude, *body], []))


def _parse(statement: str) -> ast.stmt:
    return ast.parse(statement).body[0]


def _reporting(tests: Tests) -> list[Tests]:
    """Return the same tests, changed so that the program reports after the last one."""
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
