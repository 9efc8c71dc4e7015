"""Preference pairs from fresh rollouts, for step-DPO on the policy's own newest errors. Pure functions.

A round samples programs, and execution locates the first wrong step of each failing one
(``supervision.first_wrong_step``, ``supervision.first_wrong_by_rollout``). That step is the rejected one; the step of
the repaired program in its place, which was executed and passes, is the chosen one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from prlcoder.executor import ExecutionResult
from prlcoder.problems.model import Problem
from prlcoder.segmenter.model import Segment
from prlcoder.supervision.first_wrong_step import FailingProgram, FirstWrong, WrongStep
from prlcoder.supervision.rows import Pair
from prlcoder.training.rollouts import Rollout

NOT_LOCATED: Final = "not_located"  # every spliced program passes, or the program ends where it first differs
NO_STEP: Final = "no_step"  # the wrong segment is given or context, or nothing stands in its place
REPEATED: Final = "repeated"  # another rollout of the round makes the same pair


def failing_program(rollout: Rollout, problem: Problem, canonical: Sequence[Segment]) -> FailingProgram | None:
    """The rollout as a search is given it; None if it passes or cannot be segmented. ``canonical`` are the segments of
    the problem's canonical solution."""
    if rollout.outcome.passed or not rollout.segments:
        return None
    return FailingProgram(problem, rollout.segments, canonical)


def online_pairs(
    programs: Sequence[FailingProgram], found: Sequence[FirstWrong], *, chosen_origin: str = "canonical"
) -> tuple[list[Pair], Counter[str]]:
    """One pair per failing program whose first wrong step was located, in order, each distinct pair once; and the
    number of programs without a pair by reason.

    ``prefix + chosen + rest`` passes, and the program with ``rejected`` failed. ``chosen_origin`` says who wrote the
    chosen step: ``canonical`` after splicing, ``policy`` after rollouts.
    """
    made: dict[str, Pair] = {}
    dropped: Counter[str] = Counter()
    for program, wrong in zip(programs, found, strict=True):
        if isinstance(wrong, ExecutionResult):
            dropped[wrong.outcome] += 1
        elif wrong is None:
            dropped[NOT_LOCATED] += 1
        elif (pair := _pair(program, wrong, chosen_origin)) is None:
            dropped[NO_STEP] += 1
        elif pair.id in made:
            dropped[REPEATED] += 1
        else:
            made[pair.id] = pair
    return list(made.values()), dropped


def _pair(program: FailingProgram, wrong: WrongStep, chosen_origin: str) -> Pair | None:
    rejected = program.segments[wrong.index]
    given = rejected.end <= len(program.problem.prompt)
    if given or not rejected.is_step or not wrong.instead or rejected.text == wrong.instead:
        return None
    return Pair(
        problem_id=program.problem.id,
        segment_index=wrong.index,
        prefix=wrong.repaired[: rejected.start],
        chosen=wrong.instead,
        rejected=rejected.text,
        rest=wrong.repaired[rejected.start + len(wrong.instead) :],
        chosen_origin=chosen_origin,
        rejected_origin="policy",
    )
