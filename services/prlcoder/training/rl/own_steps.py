"""Measures the reward model on the policy's own steps, whose labels come from execution.

A program's first wrong step is the first after which the canonical solution cannot put it right any more
(``supervision/first_wrong_step.py``), so only problems with a canonical solution count.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from prlcoder.errors import WorkError
from prlcoder.executor import ProgramRunner
from prlcoder.problems.model import Problem
from prlcoder.segmenter import BatchSegmenter, Mode, SegmentationError
from prlcoder.supervision.first_wrong_step import FailingProgram, first_wrong_steps
from prlcoder.training.rl.monitors import labelled_scores, step_figures
from prlcoder.training.rollouts import Rollout


@dataclass(frozen=True)
class OwnStepProbe:
    """What the measurement needs. At most ``programs`` rollouts are labelled each time."""

    problems: Mapping[str, Problem]
    executor: ProgramRunner
    segmenter: BatchSegmenter
    mode: Mode
    programs: int

    def figures(self, rollouts: Sequence[Rollout]) -> dict[str, float]:
        """Number of labelled steps, AUROC and false-positive rate; empty if no step has a label.

        A sandbox that fails costs this measurement and nothing else: a line on standard error says so.
        """
        scored = [one for one in rollouts if one.step_scores is not None and self.problems[one.problem_id].solutions]
        try:
            steps = labelled_scores(self._located(spread(scored, self.programs)))
        except WorkError as error:
            print(f"policy: the steps of this update are not labelled: {error}", file=sys.stderr)
            return {}
        return step_figures(steps) if steps else {}

    def _located(self, rollouts: Sequence[Rollout]) -> list[Rollout]:
        """The rollouts, the failing ones with their first wrong step if splicing finds it."""
        located = list(rollouts)
        failing = [number for number, one in enumerate(rollouts) if one.segments and not one.outcome.passed]
        programs = [self._failing(rollouts[number]) for number in failing]
        for number, wrong in zip(failing, first_wrong_steps(programs, self.executor.run), strict=True):
            located[number] = replace(rollouts[number], first_wrong_step=None if wrong is None else wrong.index)
        return located

    def _failing(self, one: Rollout) -> FailingProgram:
        problem = self.problems[one.problem_id]
        (canonical,) = self.segmenter([problem.canonical], self.mode)
        assert not isinstance(canonical, SegmentationError)  # a canonical solution is a Python program
        return FailingProgram(problem, one.segments, canonical)


def spread(rollouts: Sequence[Rollout], most: int) -> list[Rollout]:
    """At most ``most`` of the rollouts, evenly spread over all problems.

    >>> spread("abcdefgh", 3)
    ['a', 'd', 'g']
    """
    return list(rollouts[:: -(-len(rollouts) // most) or 1])
