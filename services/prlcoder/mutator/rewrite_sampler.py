"""Draws the rewrites that a set of operators offers for one segment, by weight and without replacement."""

from __future__ import annotations

import ast
import random
from bisect import bisect
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from prlcoder.mutator.model import VariantKind
from prlcoder.mutator.rules.edits import Edits, Span, within
from prlcoder.mutator.rules.program import ProgramAnalysis
from prlcoder.mutator.rules.registry import FREQUENCY, BugClass, Operator

REPEAT_FACTOR = 0.25  # an operator's weight is multiplied by this after each of its variants in the segment


class RewriteCandidate(NamedTuple):
    """A possible rewrite and the operators that made it: one operator, or two.

    Two operators make a higher-order mutation, or a refactoring that also contains a bug.
    """

    operators: tuple[Operator, ...]
    edits: Edits

    @property
    def kind(self) -> VariantKind:
        """``mutation`` if at least one of the operators is a mutation."""
        return "mutation" if "mutation" in [operator.kind for operator in self.operators] else "refactoring"

    @property
    def name(self) -> str:
        """The operators' names joined by ``+``, refactorings first, in alphabetical order."""
        ranked = sorted(self.operators, key=lambda operator: (operator.kind == "mutation", operator.name))
        return "+".join(operator.name for operator in ranked)


_Site = ast.AST | list[Edits]
"""A node at which the operator has not been applied yet, or the rewrites found there that are still undrawn."""


@dataclass
class _BugClassGroup:
    """The operators of one class of bug that can still be drawn, and their weights."""

    frequency: float
    operators: list[Operator] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    @property
    def share(self) -> float:
        """The weight of the class. It shrinks when only operators of small weight are left in the class."""
        return self.frequency * min(1.0, sum(self.weights))


class RewriteSampler:
    """Draws rewrites lazily: an operator is applied to a site only when both have been drawn.

    Most segments need a few of hundreds of possible rewrites, and computing all of them first would dominate the time.
    """

    def __init__(
        self,
        program: ProgramAnalysis,
        span: Span,
        operators: Sequence[Operator],
        rng: random.Random,
        max_per_operator: int | None = None,
    ) -> None:
        """``max_per_operator`` limits how many accepted variants may come from one operator; None means no limit."""
        self._program = program
        self._span = span
        self._rng = rng
        kinds = program.sites(span).keys()
        self._max_per_operator = max_per_operator
        self._accepted: defaultdict[Operator, int] = defaultdict(int)
        groups: dict[BugClass | None, _BugClassGroup] = {}
        self._open_weight = 0.0  # sum of the original weights of all operators that can still be drawn
        for op in operators:
            if not kinds.isdisjoint(op.sites):
                group = groups.get(op.bug_class)
                if group is None:
                    group = groups[op.bug_class] = _BugClassGroup(FREQUENCY[op.bug_class])
                group.operators.append(op)
                group.weights.append(op.weight)
                self._open_weight += op.weight
        self._groups = list(groups.values())
        self._shares = [group.share for group in self._groups]
        self._open: dict[Operator, list[_Site]] = {}

    def allows(self, candidate: RewriteCandidate) -> bool:
        """Whether the candidate's operators are still below their limit."""
        return self._max_per_operator is None or self.times_accepted(candidate) < self._max_per_operator

    def times_accepted(self, candidate: RewriteCandidate) -> int:
        """Return how many variants have come from the candidate's most used operator."""
        return max([self._accepted[operator] for operator in candidate.operators])

    def discount(self, candidate: RewriteCandidate) -> None:
        """Record an accepted variant and make its operators less likely, so that a segment's variants differ."""
        for operator in candidate.operators:
            self._accepted[operator] += 1
            for number, group in enumerate(self._groups):
                if operator in group.operators:
                    place = group.operators.index(operator)
                    group.weights[place] *= REPEAT_FACTOR
                    self._shares[number] = group.share
                    if self._accepted[operator] == self._max_per_operator:
                        self._close(number, place)
                    break

    def draw(self) -> RewriteCandidate | None:
        """Return a rewrite that was not drawn before, or None if there are none left, or only rare ones.

        It draws a class of bug by its frequency, an operator by its weight, one of the operator's sites, and one of the
        rewrites there. If only operators with a total weight below 1 are left, the result is usually None: an operator
        that is rare on purpose must not take the place of the frequent ones when they are exhausted.
        """
        while self._groups and self._rng.random() < self._open_weight:
            number = weighted_index(self._shares, self._rng)
            group = self._groups[number]
            place = weighted_index(group.weights, self._rng)
            if candidate := self._draw_of(group.operators[place]):
                return candidate
            self._close(number, place)
        return None

    def _draw_of(self, operator: Operator) -> RewriteCandidate | None:
        """Return a rewrite by this operator that was not drawn before, or None if there are none left."""
        sites = self._open.get(operator)
        if sites is None:
            sites = self._open[operator] = self._sites(operator)
        while sites:
            place = self._rng.randrange(len(sites))
            undrawn = sites[place]
            if isinstance(undrawn, ast.AST):
                undrawn = sites[place] = self._rewrites_at(operator, undrawn)
            if undrawn:
                return RewriteCandidate((operator,), undrawn.pop(self._rng.randrange(len(undrawn))))
            # The site is exhausted: the last one takes its place, which costs the same for lists of any length.
            sites[place] = sites[-1]
            sites.pop()
        return None

    def _close(self, number: int, place: int) -> None:
        """Stop drawing the operator at index ``place`` of group ``number``."""
        group = self._groups[number]
        self._open_weight -= group.operators.pop(place).weight
        group.weights.pop(place)
        self._shares[number] = group.share
        if not group.operators:
            del self._groups[number], self._shares[number]

    def _sites(self, operator: Operator) -> list[_Site]:
        found = self._program.sites(self._span)
        return [node for kind in operator.sites for node in found.get(kind, ())]

    def _rewrites_at(self, operator: Operator, node: ast.AST) -> list[Edits]:
        """Return the operator's rewrites at the node that lie inside the span.

        The program remembers all rewrites at a node, because a node may overlap several segments.
        """
        key = operator, node
        found = self._program.rewrites.get(key)
        if found is None:
            found = self._program.rewrites[key] = tuple(operator.rewrite(node, self._program))
        return [edits for edits in found if within(self._span, edits)] if found else []


def weighted_index(weights: Sequence[float], rng: random.Random) -> int:
    """Draw an index with probability proportional to its weight. ``weights`` must not be empty."""
    sums = list(accumulate(weights))
    return bisect(sums, rng.random() * sums[-1], 0, len(sums) - 1)
