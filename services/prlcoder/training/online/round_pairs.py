"""The preference pairs of a round: rollouts of the policy as it is, the first wrong step of each failing one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from prlcoder.supervision.rows import Pair
from prlcoder.training.examples.online_pairs import online_pairs
from prlcoder.training.rl.collecting import RolloutCollector
from prlcoder.training.rl.rewarding import TRUNCATED
from prlcoder.training.rl.schedule import completion_seed

UNPARSABLE: Final = "unparsable"


@dataclass(frozen=True)
class RoundPairs:
    """The pairs of a round, and what the log says of its programs.

    ``dropped`` counts by reason the programs that have no verdict and the failing ones that make no pair.
    """

    pairs: list[Pair]
    sampled: int
    pass_rate: float
    length: float
    verdicts: dict[str, int]
    dropped: dict[str, int]
    seconds: dict[str, float]

    def row(self) -> dict[str, Any]:
        """The figures as they are logged."""
        return {
            "sampled": self.sampled,
            "pass_rate": self.pass_rate,
            "length": self.length,
            "verdicts": self.verdicts,
            "dropped": self.dropped,
            "located": len(self.pairs),
        }


def collect_pairs(collector: RolloutCollector, number: int) -> RoundPairs:
    """Sample the programs of a round, from 0, and make its pairs.

    ``WorkError`` if no program has a verdict. The share that passes is that of the programs with a verdict.
    """
    found = collector.collect(number, version=number)
    rollouts, dropped = found.rollouts, Counter(found.dropped)
    failing = [one for one in rollouts if not one.outcome.passed]
    dropped[TRUNCATED] = sum(not one.finished for one in failing)
    dropped[UNPARSABLE] = sum(one.finished and not one.segments for one in failing)
    searched = [one for one in failing if one.finished and one.segments]
    locator = collector.locator
    located = locator.locate(searched, seed=completion_seed(seed=collector.seed, update=number))
    programs = [program for one in searched if (program := locator.failing_program(one)) is not None]
    origin = "canonical" if locator.complete is None else "policy"
    pairs, without = online_pairs(programs, located, chosen_origin=origin)
    return RoundPairs(
        pairs=pairs,
        sampled=found.sampled,
        pass_rate=sum(one.outcome.passed for one in rollouts) / len(rollouts),
        length=sum(len(one.completion_ids) for one in rollouts) / len(rollouts),
        verdicts=dict(Counter(one.outcome.verdict.value for one in rollouts)),
        dropped={name: count for name, count in (dropped + without).items() if count},
        seconds=found.seconds,
    )
