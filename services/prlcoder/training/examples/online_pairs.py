"""Preference pairs from fresh rollouts, for step-DPO on the policy's own newest errors. Pure functions.

A round samples programs, and execution locates the first wrong step of each failing one by splicing
(``supervision.first_wrong_step``). That step is the rejected one; the canonical solution's step in its place, which was
executed in the same program, is the chosen one.
"""

from __future__ import annotations

from collections.abc import Sequence

from prlcoder.executor import ResourceLimits
from prlcoder.problems.model import Problem
from prlcoder.segmenter.model import Segment
from prlcoder.supervision.first_wrong_step import FailingProgram, WrongStep
from prlcoder.supervision.rows import Pair
from prlcoder.training.rollouts import Rollout


def failing_program(
    rollout: Rollout, problem: Problem, canonical: Sequence[Segment], limits: ResourceLimits | None = None
) -> FailingProgram | None:
    """The rollout as ``first_wrong_steps`` is given it; None if it passes or cannot be segmented. ``canonical`` are the
    segments of the problem's canonical solution."""
    if rollout.outcome.passed or not rollout.segments:
        return None
    return FailingProgram(problem, rollout.segments, canonical, limits)


def online_pairs(programs: Sequence[FailingProgram], wrong_steps: Sequence[WrongStep | None]) -> list[Pair]:
    """One pair per failing program whose first wrong step was located, in order, each distinct pair once.

    ``prefix + chosen + rest`` passes, and the same with ``rejected`` failed. A wrong step that the problem gives, or
    that is context, makes no pair.
    """
    made: dict[str, Pair] = {}
    for program, wrong in zip(programs, wrong_steps, strict=True):
        pair = None if wrong is None else _pair(program, wrong)
        if pair is not None:
            made.setdefault(pair.id, pair)
    return list(made.values())


def _pair(program: FailingProgram, wrong: WrongStep) -> Pair | None:
    rejected, chosen = program.segments[wrong.index], program.canonical[wrong.index]
    if not rejected.is_step or rejected.end <= len(program.problem.prompt) or rejected.text == chosen.text:
        return None
    return Pair(
        problem_id=program.problem.id,
        segment_index=wrong.index,
        prefix="".join(part.text for part in program.segments[: wrong.index]),
        chosen=chosen.text,
        rejected=rejected.text,
        rest="".join(part.text for part in program.canonical[wrong.index + 1 :]),
        chosen_origin="canonical",
        rejected_origin="policy",
    )
