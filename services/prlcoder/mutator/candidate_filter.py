"""A few rewrites at a time, chosen from by how usual their text is.

A pool draws by what errors are frequent; some of its rewrites give themselves away, because nobody writes such code
(``return nums`` at the end of a search, ``x[i + 1 + 1]``). The shortlist holds several draws and takes one of them by
``usual``: its share in real code against that of the text it replaces, 1 at most. What is left stays for the next
choice, so that nothing is lost; rewrites of which ``usual`` is very small are kept apart, for segments that have no
other.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from prlcoder.mutator.rewrite_sampler import REPEAT, RewriteCandidate, RewriteSampler, picked
from prlcoder.mutator.rules.edits import Edits, disjoint

TELLING = math.exp(-4)  # a rewrite that is this much rarer than what it replaces tells more than it teaches

Weighted = tuple[RewriteCandidate, float]


class Shortlist:
    """The choice among the rewrites of one pool."""

    def __init__(self, pool: RewriteSampler, usual: Callable[[Edits], float], rng: random.Random, size: int) -> None:
        """``size``: among how many rewrites a choice is made, where the pool has as many."""
        self._pool = pool
        self._usual = usual
        self._rng = rng
        self._size = size
        self._open: list[Weighted] = []
        self._telling: list[Weighted] = []
        self._dry = False

    def draw(self) -> RewriteCandidate | None:
        """A rewrite that was not drawn before and does not stand out; None when there is none left."""
        while len(self._open) < self._size and not self._dry:
            self._add(self._pool.draw())
        self._open = [item for item in self._open if self._pool.allows(item[0])]
        return self._taken(self._open)

    def draw_telling(self) -> RewriteCandidate | None:
        """One of those that stand out, seen up to now."""
        self._telling = [item for item in self._telling if self._pool.allows(item[0])]
        return self._taken(self._telling)

    def pair(self, first: RewriteCandidate) -> RewriteCandidate | None:
        """``first`` together with a listed rewrite by another operator that touches none of its text, if there is
        one; that one stays on the list."""
        partners = [
            (second, weight)
            for second, weight in self._open
            if second.operators != first.operators and disjoint(first.edits, second.edits)
        ]
        if not partners:
            return None
        second, _ = partners[self._place(partners)]
        return RewriteCandidate(first.operators + second.operators, first.edits + second.edits)

    def discount(self, candidate: RewriteCandidate) -> None:
        """Make the candidate's operators less likely from now on."""
        self._pool.discount(candidate)

    def _add(self, candidate: RewriteCandidate | None) -> None:
        if candidate is None:
            self._dry = True
            return
        rarity = min(1.0, *(operator.weight for operator in candidate.operators))
        weight = rarity * self._usual(candidate.edits)
        (self._open if weight >= TELLING else self._telling).append((candidate, weight))

    def _taken(self, items: list[Weighted]) -> RewriteCandidate | None:
        return items.pop(self._place(items))[0] if items else None

    def _place(self, items: list[Weighted]) -> int:
        return picked([weight * REPEAT ** self._pool.times_given(item) for item, weight in items], self._rng)
