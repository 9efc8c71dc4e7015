"""The rule teacher's operators: mutations and refactorings, as edits of spans of the original text.

``registry`` defines an operator and holds the two registries, which ``mutations/`` and ``refactorings/`` fill.
Operators work on ``program`` (a parsed program with positions), ``scopes``, ``inference`` (types), ``visibility`` and
``purity``, and build their edits with ``edits``, ``layout``, ``negation`` and ``off_by_one``. ``catalogue`` writes
``docs/operators.md``.
"""

from prlcoder.mutator.rules import mutations, refactorings
from prlcoder.mutator.rules.registry import MUTATIONS, REFACTORINGS, BugClass, Operator

__all__ = ["MUTATIONS", "REFACTORINGS", "BugClass", "Operator", "mutations", "refactorings"]
