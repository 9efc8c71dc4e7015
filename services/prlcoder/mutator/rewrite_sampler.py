"""The rewrites that a set of operators has for one segment, drawn by weight without replacement."""

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

REPEAT = 0.25  # an operator's weight is multiplied by this after each variant that it gave in the segment


class RewriteCandidate(NamedTuple):
    """A possible rewrite and the operators that made it: one, or two for a higher-order mutation or for a refactoring
    with a bug."""

    operators: tuple[Operator, ...]
    edits: Edits

    @property
    def kind(self) -> VariantKind:
        """A mutation as soon as one of the operators is."""
        return "mutation" if "mutation" in [operator.kind for operator in self.operators] else "refactoring"

    @property
    def name(self) -> str:
        """The operators' names joined by ``+``, refactorings first, in alphabetical order."""
        ranked = sorted(self.operators, key=lambda operator: (operator.kind == "mutation", operator.name))
        return "+".join(operator.name for operator in ranked)


_Site = ast.AST | list[Edits]
"""A node that an operator was not asked about yet, or the rewrites that it has left there."""


@dataclass
class _Group:
    """The operators of one class of bug that may still be drawn, and how likely each is."""

    frequency: float
    operators: list[Operator] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    @property
    def share(self) -> float:
        """How often the class is drawn: rarely where only rare operators of it are left."""
        return self.frequency * min(1.0, sum(self.weights))


class RewriteSampler:
    """An operator is asked about a site only once both are drawn, so that cheap segments stay cheap."""

    def __init__(
        self,
        program: ProgramAnalysis,
        span: Span,
        operators: Sequence[Operator],
        rng: random.Random,
        most: int | None = None,
    ) -> None:
        """``most``: how many variants one operator may give."""
        self._program = program
        self._span = span
        self._rng = rng
        kinds = program.sites(span).keys()
        self._most = most
        self._given: defaultdict[Operator, int] = defaultdict(int)
        groups: dict[BugClass | None, _Group] = {}
        self._left = 0.0  # the sum of the operators' own weights that may still be drawn
        for op in operators:
            if not kinds.isdisjoint(op.sites):
                group = groups.get(op.bug_class)
                if group is None:
                    group = groups[op.bug_class] = _Group(FREQUENCY[op.bug_class])
                group.operators.append(op)
                group.weights.append(op.weight)
                self._left += op.weight
        self._groups = list(groups.values())
        self._shares = [group.share for group in self._groups]
        self._open: dict[Operator, list[_Site]] = {}

    def allows(self, candidate: RewriteCandidate) -> bool:
        """Whether the candidate's operator may still give a variant."""
        return self._most is None or self.times_given(candidate) < self._most

    def times_given(self, candidate: RewriteCandidate) -> int:
        """How many variants the candidate's operators have given."""
        return max([self._given[operator] for operator in candidate.operators])

    def discount(self, candidate: RewriteCandidate) -> None:
        """Make the candidate's operators less likely, so that a segment's variants differ in kind."""
        for operator in candidate.operators:
            self._given[operator] += 1
            for number, group in enumerate(self._groups):
                if operator in group.operators:
                    place = group.operators.index(operator)
                    group.weights[place] *= REPEAT
                    self._shares[number] = group.share
                    if self._given[operator] == self._most:
                        self._close(number, place)
                    break

    def draw(self) -> RewriteCandidate | None:
        """A rewrite that was not drawn before; None when there is none left, or nothing but rare ones.

        A class of bug by its frequency, an operator by weight, one of its sites, one of the rewrites there. Where only
        operators of little weight are left, mostly nothing: what is rare on purpose must not stand in for the rest.
        """
        while self._groups and self._rng.random() < self._left:
            number = picked(self._shares, self._rng)
            group = self._groups[number]
            place = picked(group.weights, self._rng)
            if candidate := self._draw_of(group.operators[place]):
                return candidate
            self._close(number, place)
        return None

    def _draw_of(self, operator: Operator) -> RewriteCandidate | None:
        """A rewrite by this operator that was not drawn before."""
        sites = self._open.get(operator)
        if sites is None:
            sites = self._open[operator] = self._sites(operator)
        while sites:
            place = self._rng.randrange(len(sites))
            left = sites[place]
            if isinstance(left, ast.AST):
                left = sites[place] = self._found(operator, left)
            if left:
                return RewriteCandidate((operator,), left.pop(self._rng.randrange(len(left))))
            sites[place] = sites[-1]
            sites.pop()
        return None

    def _close(self, number: int, place: int) -> None:
        """Draw nothing any more of the operator at this place of a group."""
        group = self._groups[number]
        self._left -= group.operators.pop(place).weight
        group.weights.pop(place)
        self._shares[number] = group.share
        if not group.operators:
            del self._groups[number], self._shares[number]

    def _sites(self, operator: Operator) -> list[_Site]:
        found = self._program.sites(self._span)
        return [node for kind in operator.sites for node in found.get(kind, ())]

    def _found(self, operator: Operator, node: ast.AST) -> list[Edits]:
        """The rewrites at the node that lie inside the span."""
        key = operator, node
        found = self._program.rewrites.get(key)
        if found is None:
            found = self._program.rewrites[key] = tuple(operator.rewrite(node, self._program))
        return [edits for edits in found if within(self._span, edits)] if found else []


def picked(weights: Sequence[float], rng: random.Random) -> int:
    """A place in the list, by weight; there must be one."""
    sums = list(accumulate(weights))
    return bisect(sums, rng.random() * sums[-1], 0, len(sums) - 1)
