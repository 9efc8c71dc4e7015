"""Chooses among drawn rewrites by how natural their text is.

``RewriteSampler`` draws rewrites by how frequent their class of bug is. Some of these give themselves away, because
nobody writes such code (``return nums`` at the end of a search, ``x[i + 1 + 1]``). ``Shortlist`` holds several draws
and takes one of them with probability proportional to its likelihood ratio: how likely the n-gram model finds the new
text relative to the text it replaces, at most 1. The others stay on the list for the next choice, so no rewrite is
lost. Rewrites with a very small ratio are conspicuous; they are kept apart, for segments that offer no others.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from prlcoder.mutator.rewrite_sampler import REPEAT_FACTOR, RewriteCandidate, RewriteSampler, weighted_index
from prlcoder.mutator.rules.edits import Edits, disjoint

MIN_LIKELIHOOD_RATIO = math.exp(-4)  # less likely rewrites would let a model spot mutations by style alone

Weighted = tuple[RewriteCandidate, float]


class Shortlist:
    """Chooses among the rewrites that one sampler draws."""

    def __init__(
        self,
        sampler: RewriteSampler,
        likelihood_ratio: Callable[[Edits], float],
        rng: random.Random,
        size: int,
    ) -> None:
        """``size`` is the number of rewrites among which each choice is made, if the sampler has as many."""
        self._sampler = sampler
        self._likelihood_ratio = likelihood_ratio
        self._rng = rng
        self._size = size
        self._open: list[Weighted] = []
        self._conspicuous: list[Weighted] = []
        self._exhausted = False

    def draw(self) -> RewriteCandidate | None:
        """Return a new rewrite that is not conspicuous, or None if there are none left."""
        while len(self._open) < self._size and not self._exhausted:
            self._add(self._sampler.draw())
        # An operator may have reached its quota since its rewrites were listed.
        self._open = [item for item in self._open if self._sampler.allows(item[0])]
        return self._take(self._open)

    def draw_conspicuous(self) -> RewriteCandidate | None:
        """Return one of the conspicuous rewrites that were drawn so far, or None if there are none left."""
        self._conspicuous = [item for item in self._conspicuous if self._sampler.allows(item[0])]
        return self._take(self._conspicuous)

    def pair(self, first: RewriteCandidate) -> RewriteCandidate | None:
        """Combine ``first`` with a listed rewrite by another operator that does not touch the same text.

        Returns None if there is no such rewrite. The second rewrite stays on the list.
        """
        partners = [
            (second, weight)
            for second, weight in self._open
            if second.operators != first.operators and disjoint(first.edits, second.edits)
        ]
        if not partners:
            return None
        second, _ = partners[self._choose(partners)]
        return RewriteCandidate(first.operators + second.operators, first.edits + second.edits)

    def discount(self, candidate: RewriteCandidate) -> None:
        """Make the candidate's operators less likely from now on."""
        self._sampler.discount(candidate)

    def _add(self, candidate: RewriteCandidate | None) -> None:
        if candidate is None:
            self._exhausted = True
            return
        # An operator with a weight below 1 is rare on purpose. The sampler already draws it rarely, but among a few
        # listed rewrites it would be chosen as often as any other, so its weight counts here once more.
        rarity = min(1.0, *(operator.weight for operator in candidate.operators))
        weight = rarity * self._likelihood_ratio(candidate.edits)
        (self._open if weight >= MIN_LIKELIHOOD_RATIO else self._conspicuous).append((candidate, weight))

    def _take(self, items: list[Weighted]) -> RewriteCandidate | None:
        return items.pop(self._choose(items))[0] if items else None

    def _choose(self, items: list[Weighted]) -> int:
        weights = [weight * REPEAT_FACTOR ** self._sampler.times_accepted(item) for item, weight in items]
        return weighted_index(weights, self._rng)
