"""The rewrites that a set of operators has for one segment, drawn by weight without replacement."""

from __future__ import annotations

import ast
import random
from bisect import bisect
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

from prlcoder.mutator.model import VariantKind
from prlcoder.mutator.rules.edits import Edits, Span, within
from prlcoder.mutator.rules.program import Program
from prlcoder.mutator.rules.registry import FREQUENCY, BugClass, Operator

REPEAT = 0.25  # an operator's weight is multiplied by this after each variant that it gave in the segment

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Candidate:
    """A possible rewrite and the operators that made it: one, or two for a higher-order mutation or for a refactoring
    with a bug."""

    operators: tuple[Operator, ...]
    edits: Edits

    @property
    def kind(self) -> VariantKind:
        """A mutation as soon as one of the operators is."""
        return "mutation" if any(operator.kind == "mutation" for operator in self.operators) else "refactoring"

    @property
    def name(self) -> str:
        """The operators' names joined by ``+``, refactorings first, in alphabetical order."""
        ranked = sorted(self.operators, key=lambda operator: (operator.kind == "mutation", operator.name))
        return "+".join(operator.name for operator in ranked)


class Pool:
    """An operator is asked about a site only once both are drawn, so that cheap segments stay cheap."""

    def __init__(
        self, program: Program, span: Span, operators: Sequence[Operator], rng: random.Random, most: int | None = None
    ) -> None:
        """``most``: how many variants one operator may give."""
        self._program = program
        self._span = span
        self._rng = rng
        kinds = program.sites(span).keys()
        self._most = most
        self._given: Counter[str] = Counter()
        self._weights: dict[BugClass | None, dict[Operator, float]] = {}
        self._left = 0.0  # the sum of the operators' own weights that may still be drawn
        for op in operators:
            if not kinds.isdisjoint(op.sites):
                self._weights.setdefault(op.bug_class, {})[op] = op.weight
                self._left += op.weight
        self._classes = {bug: _frequency(bug, weights) for bug, weights in self._weights.items()}
        self._open: dict[str, list[_Site]] = {}

    def allows(self, candidate: Candidate) -> bool:
        """Whether the candidate's operator may still give a variant."""
        return self._most is None or self.times_given(candidate) < self._most

    def times_given(self, candidate: Candidate) -> int:
        """How many variants the candidate's operators have given."""
        return max(self._given[operator.name] for operator in candidate.operators)

    def discount(self, candidate: Candidate) -> None:
        """Make the candidate's operators less likely, so that a segment's variants differ in kind."""
        for operator in candidate.operators:
            self._given[operator.name] += 1
            weights = self._weights.get(operator.bug_class, {})
            if operator in weights:
                weights[operator] *= REPEAT
                self._classes[operator.bug_class] = _frequency(operator.bug_class, weights)
                if self._given[operator.name] == self._most:
                    self._close(operator)

    def draw(self) -> Candidate | None:
        """A rewrite that was not drawn before; None when there is none left, or nothing but rare ones.

        A class of bug by its frequency, an operator by weight, one of its sites, one of the rewrites there. Where only
        operators of little weight are left, mostly nothing: what is rare on purpose must not stand in for the rest.
        """
        while self._weights and self._rng.random() < self._left:
            operator = picked(self._weights[picked(self._classes, self._rng)], self._rng)
            sites = self._open.get(operator.name)
            if sites is None:
                sites = self._open[operator.name] = self._sites(operator)
            while sites:
                place = self._rng.randrange(len(sites))
                if rewrites := sites[place].rewrites(operator, self._program, self._span):
                    return Candidate((operator,), rewrites.pop(self._rng.randrange(len(rewrites))))
                sites[place] = sites[-1]
                sites.pop()
            self._close(operator)
        return None

    def _close(self, operator: Operator) -> None:
        """Draw nothing of this operator any more."""
        bug, weights = operator.bug_class, self._weights[operator.bug_class]
        del weights[operator]
        self._left -= operator.weight
        self._classes[bug] = _frequency(bug, weights)
        if not weights:
            del self._weights[bug], self._classes[bug]

    def _sites(self, operator: Operator) -> list[_Site]:
        found = self._program.sites(self._span)
        return [_Site(node) for kind in operator.sites for node in found.get(kind, ())]


class _Site:
    """A node, and the rewrites that an operator has left there once it has been asked."""

    def __init__(self, node: ast.AST) -> None:
        self._node = node
        self._rewrites: list[Edits] | None = None

    def rewrites(self, operator: Operator, program: Program, span: Span) -> list[Edits]:
        """The rewrites inside ``span`` that are left."""
        if self._rewrites is None:
            self._rewrites = [edits for edits in operator.rewrite(self._node, program) if within(span, edits)]
        return self._rewrites


def _frequency(bug: BugClass | None, weights: Mapping[Operator, float]) -> float:
    """How often the class is drawn: rarely where only rare operators of it are left."""
    return FREQUENCY[bug] * min(1.0, sum(weights.values()))


def picked(weights: Mapping[K, float], rng: random.Random) -> K:
    """One of the keys, by weight; there must be one."""
    keys = list(weights)
    sums = list(accumulate(weights.values()))
    return keys[bisect(sums, rng.random() * sums[-1], 0, len(keys) - 1)]
