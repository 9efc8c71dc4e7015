"""Whole-solution variants for outcome supervision: one or several segments of a solution are rewritten at once.

The rewrites are those that a teacher proposes for single segments. Outcome supervision and process supervision of a
problem therefore differ only in what they label. Both have the same number of variants: every rewrite of a segment is
the first rewrite of exactly one variant.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping, Sequence

from prlcoder.mutator.model import Teacher, Variant
from prlcoder.segmenter import Segment, segment
from prlcoder.segmenter.model import Mode

MAX_REWRITTEN_SEGMENTS = 3  # the number of rewritten segments is drawn uniformly from 1 to this

Rewrites = Mapping[int, Sequence[Variant]]


class SolutionTeacher:
    """Rewrites whole solutions with the help of a teacher that rewrites segments.

    The segment that it is asked about must extend to the end of the program.
    """

    def __init__(self, teacher: Teacher, mode: Mode, seed: int) -> None:
        self.name = teacher.name
        self._teacher = teacher
        self._mode = mode
        self._seed = seed

    def propose(self, problem_id: str, source: str, segments: list[Segment], index: int) -> list[Variant]:
        """Return variants of the program from the start of ``segments[index]`` on; deterministic."""
        start = segments[index].start
        parts = segment(source, self._mode)
        head = sum(part.start < start for part in parts)
        rewrites = {
            place - head: self._teacher.propose(problem_id, source, parts, place) for place in range(head, len(parts))
        }
        key = json.dumps([self._seed, problem_id, "solution", source]).encode("ascii")
        return compose(parts[head:], rewrites, random.Random(int.from_bytes(hashlib.sha256(key).digest())))


def compose(parts: Sequence[Segment], rewrites: Rewrites, rng: random.Random) -> list[Variant]:
    """Return variants of the text of all ``parts``: one per rewrite of a segment.

    Each also rewrites up to ``MAX_REWRITTEN_SEGMENTS - 1`` other segments. A refactoring is combined with refactorings
    only, a mutation with either kind. The variants differ from the text and from each other.
    """
    made: dict[str, Variant] = {}
    for place, variants in rewrites.items():
        for first in variants:
            chosen = {place: first, **_others(place, first, rewrites, rng)}
            text = "".join(chosen[at].text if at in chosen else part.text for at, part in enumerate(parts))
            operators = "+".join(chosen[at].operator for at in sorted(chosen))
            made.setdefault(text, Variant(first.kind, operators, text))
    made.pop("".join(part.text for part in parts), None)
    return list(made.values())


def _others(place: int, first: Variant, rewrites: Rewrites, rng: random.Random) -> dict[int, Variant]:
    """Draw the additional rewrites of a variant, by segment: at most one per segment."""
    fitting = {
        other: [variant for variant in variants if first.kind == "mutation" or variant.kind == "refactoring"]
        for other, variants in rewrites.items()
        if other != place
    }
    open_places = [other for other, variants in fitting.items() if variants]
    count = min(rng.randrange(MAX_REWRITTEN_SEGMENTS), len(open_places))
    return {other: rng.choice(fitting[other]) for other in rng.sample(open_places, count)}
