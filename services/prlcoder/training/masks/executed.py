"""Mask ``executed``: only the tokens of executed lines are trained (StepCoder's fine-grained optimisation).

`StepCoder <https://arxiv.org/abs/2402.01391>`_: code that no test has executed did not take part in the
outcome, so the outcome says nothing about it.
"""

from __future__ import annotations

import ast

from prlcoder.executor.verdicts import Verdict
from prlcoder.training.rewards.syntax_trees import syntax_tree
from prlcoder.training.rollouts import Rollout


def executed_mask(rollout: Rollout) -> tuple[bool, ...]:
    """Whether each completion token is trained, ``(T,)``.

    Tokens that belong to no line of the program stay, EOS among them. So do all tokens where no execution can say
    anything: the program did not compile, or its executed lines are not known.
    """
    outcome = rollout.outcome
    if outcome.executed_lines is None or outcome.verdict is Verdict.COMPILE_ERROR or not rollout.token_lines:
        return (True,) * len(rollout.completion_ids)
    executed = executed_statement_lines(rollout.program, outcome.executed_lines)
    return tuple(line is None or line in executed for line in rollout.token_lines)


def executed_statement_lines(program: str, executed_lines: tuple[int, ...]) -> frozenset[int]:
    """The 1-based lines of all statements that were executed, with what belongs to them.

    The interpreter reports some of a statement's lines only, and none of ``else:``, of docstrings and of declarations;
    the others follow from these. Lines above a statement that belong to no other share its fate: comments, blank
    lines, docstrings, ``else:``. What stands below the last statement shares the fate of that one.
    """
    reported = set(executed_lines)
    found: set[int] = set()
    above = 1  # the first line that no statement has claimed yet
    last_ran = False
    for first, last, evidence in _statement_lines(program):
        last_ran = not reported.isdisjoint(range(first, evidence + 1))
        if last_ran:
            found.update(range(above, last + 1))
        above = max(above, last + 1)
    if last_ran:
        found.update(range(above, program.count("\n") + 2))
    return frozenset(found)


def _statement_lines(program: str) -> list[tuple[int, int, int]]:
    """First and last line of each statement, in order, and the last line whose execution shows that it was executed.

    A compound statement has the lines of its header, and the execution of its body's first statement shows its own.
    """
    tree = syntax_tree(program)
    if tree is None:
        return []
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.stmt | ast.excepthandler)]
    return sorted({_own_lines(node) for node in nodes if not _is_silent(node)})


def _is_silent(node: ast.AST) -> bool:
    """Whether a statement has no code: a docstring or another constant, a declaration, and ``try:`` itself."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Global | ast.Nonlocal | ast.Try | ast.TryStar)


def _own_lines(node: ast.stmt | ast.excepthandler) -> tuple[int, int, int]:
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
    end = node.end_lineno or node.lineno
    if isinstance(node, ast.Match):
        return first, max(first, node.cases[0].pattern.lineno - 1), end
    body: list[ast.stmt] = getattr(node, "body", [])
    if not body:
        return first, end, end
    return first, max(first, body[0].lineno - 1), body[0].end_lineno or body[0].lineno
