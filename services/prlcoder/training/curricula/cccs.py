"""Curriculum ``cccs``: completions that begin ever earlier in the canonical solution.

`StepCoder <https://arxiv.org/abs/2402.01391>`_ (curriculum of code completion subtasks): the policy is first
given the canonical solution up to its last branch and writes the rest. When it has learnt that, it is given less, until
it writes the whole program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from prlcoder.problems.model import Problem
from prlcoder.segmenter.model import Segment

BRANCHES: Final = frozenset({"if", "for", "while", "with", "try", "match"})
LEARNT_ABOVE: Final = 0.5  # the share of rollouts that must pass before a problem's completions begin earlier


@dataclass(frozen=True)
class CompletionStage:
    """Where the completions of one problem begin: at ``starts[stage]``, an offset in the canonical solution.

    ``starts`` decreases and ends with the problem's own beginning.
    """

    starts: tuple[int, ...]
    stage: int = 0

    @property
    def start(self) -> int:
        """The present offset."""
        return self.starts[self.stage]

    @property
    def finished(self) -> bool:
        """Whether the policy writes the whole program."""
        return self.stage == len(self.starts) - 1


def completion_starts(problem: Problem, segments: Sequence[Segment]) -> tuple[int, ...]:
    """Offsets in the canonical solution at which completions may begin, from the last to the problem's own beginning.

    ``segments`` are those of ``problem.canonical``. A completion begins at a branch, because what a branch decides is
    what makes a program hard to explore. A solution without branches has its own beginning only.
    """
    given = len(problem.prompt)
    branches = {segment.start for segment in segments if segment.kind in BRANCHES and segment.start > given}
    return (*sorted(branches, reverse=True), given)


def next_stage(
    stage: CompletionStage, passed: int, rollouts: int, learnt_above: float = LEARNT_ABOVE
) -> CompletionStage:
    """The stage after an update in which ``passed`` of a problem's ``rollouts`` passed: one earlier start if more than
    ``learnt_above`` passed, else the same."""
    if stage.finished or not rollouts or passed / rollouts <= learnt_above:
        return stage
    return replace(stage, stage=stage.stage + 1)


def started_problem(problem: Problem, stage: CompletionStage) -> Problem:
    """The problem with the canonical solution given up to the stage's start. Its prompt is rendered anew, so that the
    tokens at the border are those of a whole program."""
    return problem if stage.finished else replace(problem, prompt=problem.canonical[: stage.start])
