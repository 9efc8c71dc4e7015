"""Rewrites published asserts to calls and predicates, so that expected values never enter the jail.

``assert f(1, [2]) == 3`` becomes the call ``f(1, [2])`` and a predicate over its answer. A predicate may use constants,
comparisons, arithmetic and a few pure functions (``abs(f(0.5) - 2.0) < 1e-6``, ``sorted(f(3)) == [1, 2]``). It is
evaluated outside the jail, on decoded builtins, by an interpreter that knows nothing else. Tests with anything else
(loops, helpers, names of the candidate's module, calls that may not happen) run in a tester process: for those
``rewrite`` returns None.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from prlcoder.executor.expressions import Evaluator, NotRewritableError
from prlcoder.executor.jailed.values import encode
from prlcoder.problems.model import AssertTests


@dataclass(frozen=True)
class LiteralCall:
    """One call of the entry point with constant arguments."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True)
class Check:
    """One assert: ``holds`` judges the answers to the calls ``[first : first + count]``.

    ``expected`` is the encoded answer that satisfies it, where the assert is a plain equality.
    """

    first: int
    count: int
    holds: Callable[[Sequence[Any]], bool]
    expected: bytes | None = None


@dataclass(frozen=True)
class Rewritten:
    """All asserts of a problem's tests, and their calls in order of execution."""

    calls: tuple[LiteralCall, ...]
    checks: tuple[Check, ...]


def rewrite(tests: AssertTests) -> Rewritten | None:
    """Calls and checks that are equivalent to ``tests``, or None if there are none. ``SyntaxError`` if the tests have
    one."""
    if tests.setup.strip():
        return None
    try:
        name, asserts = _asserts(tests)
        builder = _Builder(name)
        for statement in asserts:
            builder.add(statement.test)
    except (NotRewritableError, RecursionError):
        return None
    return Rewritten(tuple(builder.calls), tuple(builder.checks))


def _asserts(tests: AssertTests) -> tuple[str, list[ast.Assert]]:
    """The name under which the test calls the candidate, and its asserts."""
    statements = [item for item in ast.parse(tests.source).body if not _is_text(item)]
    name = tests.entry_point
    if tests.check:
        functions = [item for item in statements if isinstance(item, ast.FunctionDef)]
        others = [item for item in statements if not isinstance(item, ast.FunctionDef) and not _is_metadata(item)]
        if len(functions) != 1 or others or functions[0].name != "check" or functions[0].decorator_list:
            raise NotRewritableError
        match functions[0].args:
            case ast.arguments(posonlyargs=[], args=[ast.arg(arg=name)], vararg=None, kwonlyargs=[], defaults=[]):
                statements = [item for item in functions[0].body if not _is_text(item)]
            case _:
                raise NotRewritableError
    asserts = [item for item in statements if isinstance(item, ast.Assert)]
    if len(asserts) != len(statements):
        raise NotRewritableError
    return name, asserts


def _is_text(statement: ast.stmt) -> bool:
    """Whether the statement is a docstring or ``pass``, which do nothing."""
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _is_metadata(statement: ast.stmt) -> bool:
    """Whether the statement is HumanEval's ``METADATA = {...}``."""
    match statement:
        case ast.Assign(targets=[ast.Name(id="METADATA")], value=ast.Dict()):
            return True
    return False


class _Builder:
    """Collects calls and checks while it walks the asserts in order."""

    def __init__(self, candidate: str) -> None:
        self._candidate = candidate
        self.calls: list[LiteralCall] = []
        self.checks: list[Check] = []

    def add(self, test: ast.expr) -> None:
        first = len(self.calls)
        found: list[ast.Call] = []
        self._collect(test, found)
        for call in found:
            self.calls.append(self._call(call))
        positions = {id(call): place for place, call in enumerate(found)}

        def holds(answers: Sequence[Any]) -> bool:
            try:
                return bool(Evaluator({node: answers[place] for node, place in positions.items()}).value(test))
            except Exception:  # for example TypeError: the assert would not have passed either
                return False

        Evaluator(dict.fromkeys(positions, 0)).check(test)
        self.checks.append(Check(first, len(found), holds, self._expected(test) if len(found) == 1 else None))

    def _collect(self, node: ast.AST, found: list[ast.Call]) -> None:
        """Collect the candidate's calls in order of evaluation. None may be conditional or nested in another call."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == self._candidate:
            found.append(node)
            return
        before = len(found)
        for place, child in enumerate(ast.iter_child_nodes(node)):
            count = len(found)
            self._collect(child, found)
            if isinstance(node, ast.BoolOp) and place > 1 and len(found) > count:
                raise NotRewritableError  # in `f(1) and f(2)` the second call may not happen
        conditional = (ast.IfExp, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
        chained = isinstance(node, ast.Compare) and len(node.ops) > 1
        if len(found) > before and (isinstance(node, conditional) or chained):
            raise NotRewritableError

    def _call(self, call: ast.Call) -> LiteralCall:
        constants = Evaluator({})
        if any(keyword.arg is None for keyword in call.keywords):
            raise NotRewritableError
        return LiteralCall(
            tuple(constants.constant(argument) for argument in call.args),
            {str(keyword.arg): constants.constant(keyword.value) for keyword in call.keywords},
        )

    def _expected(self, test: ast.expr) -> bytes | None:
        """The constant's bytes for ``f(...) == constant``, unless the constant is unequal to itself (NaN)."""
        match test:
            case ast.Compare(left=ast.Call(func=ast.Name(id=self._candidate)), ops=[ast.Eq()], comparators=[right]):
                value = Evaluator({}).constant(right)
                return encode(value) if value == value else None
        return None
