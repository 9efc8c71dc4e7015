"""Pairs each rejected step with a chosen step at the same prefix. Pure functions.

The definition is in ``docs/reference/contracts.md#3-files``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from prlcoder.supervision.rows import Pair, Step, row_id, training_buckets


def pairs(steps: Iterable[Step], *, seed: int, per_segment: int, use_generated: bool = False) -> list[Pair]:
    """Return the preference pairs of one problem's steps.

    Every rejected step is paired with one chosen step at the same prefix, drawn by a hash of the seed and both ids.
    There are at most ``per_segment`` pairs per segment and prefix: those whose rejected steps have the lowest hashes.

    A chosen step that its teacher meant as a mutation is never used, because a mutation that passes weak tests is the
    least trustworthy kind of step. The policy's own wrong step is paired with the canonical step or with the policy's
    own verified step, not with a rule's refactoring, because policies do not write those. Steps with equal texts never
    form a pair. Steps that only a generated test rejects take part if ``use_generated``.
    """
    buckets = training_buckets(use_generated)
    chosen: dict[tuple[int, str], dict[str, Step]] = defaultdict(dict)
    rejected: dict[tuple[int, str], dict[str, Step]] = defaultdict(dict)
    for step in steps:
        if step.bucket not in buckets:
            continue
        place = (step.segment_index, step.prefix)
        if step.label == "rejected":
            rejected[place].setdefault(step.segment, step)
        elif step.origin != "mutation":
            chosen[place].setdefault(step.segment, step)
    result = []
    for place, losers in sorted(rejected.items()):
        winners = [step for text, step in chosen[place].items() if text not in losers]
        plain = [step for step in winners if step.origin != "refactoring"]
        for loser in sorted(losers.values(), key=lambda step: row_id(seed, step.id))[:per_segment]:
            candidates = plain if loser.origin == "policy" else winners
            if not candidates:
                continue
            winner = min(candidates, key=lambda step: row_id(seed, loser.id, step.id))
            result.append(
                Pair(
                    problem_id=loser.problem_id,
                    segment_index=loser.segment_index,
                    prefix=loser.prefix,
                    chosen=winner.segment,
                    rejected=loser.segment,
                    rest=winner.rest,
                    chosen_origin=winner.origin,
                    rejected_origin=loser.origin,
                    criticality=loser.criticality,
                )
            )
    return result
