"""What an operator is, and the two registries that the operator modules fill when they are imported.

An operator is one small generator: it gets a node of one of its site types and the analysed program, and yields
every rewrite it knows there, each as a tuple of edits. It need not ask whether an edit lies inside the segment in hand,
whether the result compiles, or whether it differs: the teacher filters. It must not add comments.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from prlcoder.mutator.model import VariantKind
from prlcoder.mutator.rules.edits import Edits
from prlcoder.mutator.rules.program import ProgramAnalysis


class BugClass(StrEnum):
    """The semantic error classes of LLM-written code (arXiv 2406.08731), and syntax errors."""

    CONDITION = "condition"
    CONSTANT = "constant value"
    REFERENCE = "reference"
    OPERATION = "operation"
    BOUND = "off by one"
    FLOW = "control flow"
    MISSING = "missing step"
    SYNTAX = "syntax"


FREQUENCY: dict[BugClass | None, float] = {
    BugClass.CONDITION: 25,
    BugClass.MISSING: 18,
    BugClass.REFERENCE: 16,
    BugClass.CONSTANT: 13,
    BugClass.OPERATION: 12,
    BugClass.FLOW: 9,
    BugClass.BOUND: 7,
    BugClass.SYNTAX: 1,
    None: 1,
}
"""How often a class is drawn where all have a site, in per cent. In the order in which arXiv 2406.08731 finds them in
the wrong programs of six models (llm-code-errors.cs.purdue.edu/plots): conditions are first or second in each, missing
steps next, wrong names before constants and arithmetic. Its "wrong direction" is no local error and has no operator;
off by one is counted there as a condition, a constant or arithmetic, so that class stays small. None: refactorings."""


Rewrite = Callable[[Any, ProgramAnalysis], Iterator[Edits]]
F = TypeVar("F", bound=Rewrite)


@dataclass(frozen=True, eq=False)
class Operator:
    """One rule. ``name`` is a stable identifier; ``weight`` its relative frequency among its class of bug
    (among all, for a refactoring).

    ``bug_class`` is None for a refactoring; ``requires`` says when a refactoring keeps the meaning ("" for a
    mutation). ``before`` and ``after`` are programs: the operator turns one into the other (a test holds it to that).
    """

    name: str
    kind: VariantKind
    weight: float
    sites: tuple[type[ast.AST], ...]
    rewrite: Rewrite
    before: str
    after: str
    bug_class: BugClass | None = None
    requires: str = ""


MUTATIONS: dict[str, Operator] = {}
REFACTORINGS: dict[str, Operator] = {}


def mutation(
    name: str, bug: BugClass, weight: float, on: tuple[type[ast.AST], ...], before: str, after: str
) -> Callable[[F], F]:
    """Register the decorated generator as a mutation operator."""

    def register(rewrite: F) -> F:
        _add(MUTATIONS, Operator(name, "mutation", weight, on, rewrite, before, after, bug_class=bug))
        return rewrite

    return register


def refactoring(
    name: str, weight: float, on: tuple[type[ast.AST], ...], requires: str, before: str, after: str
) -> Callable[[F], F]:
    """Register the decorated generator as a refactoring operator."""

    def register(rewrite: F) -> F:
        _add(REFACTORINGS, Operator(name, "refactoring", weight, on, rewrite, before, after, requires=requires))
        return rewrite

    return register


def _add(registry: dict[str, Operator], operator: Operator) -> None:
    if operator.name in MUTATIONS or operator.name in REFACTORINGS:
        raise ValueError(f"two operators are called {operator.name}")
    registry[operator.name] = operator
