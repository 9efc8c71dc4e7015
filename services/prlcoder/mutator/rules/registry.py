"""The definition of an operator, and the two registries that the operator modules fill when they are imported.

How to add an operator: write one small generator in a module of ``mutations/`` or ``refactorings/``, decorate it with
``mutation`` or ``refactoring`` (with an example that becomes a test), and run ``rules.catalogue``. The generator gets a
node of one of its site types and the analysed program, and yields each possible rewrite as a tuple of edits. It need
not check whether an edit lies inside the segment, whether the result compiles, or whether it differs from the original:
the teacher does that. It must not add comments.
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
"""The percentage of mutations drawn from each class if all classes have a site; None stands for refactorings.

The order follows arXiv 2406.08731, which classifies the wrong programs of six models
(llm-code-errors.cs.purdue.edu/plots): conditions come first or second for each model, missing steps next, and wrong
names before constants and arithmetic. Its class "wrong direction" is not a local error and has no operator. It counts
an off-by-one error as a condition, a constant or arithmetic, so that class is small here.
"""


Rewrite = Callable[[Any, ProgramAnalysis], Iterator[Edits]]
F = TypeVar("F", bound=Rewrite)


@dataclass(frozen=True, eq=False)
class Operator:
    """One rule. ``name`` is a stable identifier.

    ``weight`` is its relative frequency within its class of bug (of a refactoring: among all refactorings).
    ``bug_class`` is None for a refactoring. ``requires`` is the condition under which a refactoring keeps the meaning
    ("" for a mutation). ``before`` and ``after`` are programs; a test checks that the operator turns one into the
    other.
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
