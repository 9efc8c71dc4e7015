"""The state of the curriculum ``cccs`` during a training: where the completions of each problem begin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from prlcoder.problems.model import Problem
from prlcoder.segmenter import BatchSegmenter, Mode, SegmentationError
from prlcoder.training.curricula import CompletionStage, completion_starts, next_stage, started_problem
from prlcoder.training.rollouts import Rollout


class Curriculum:
    """One stage per problem. It moves on only by ``learn``, and its state belongs into a checkpoint."""

    def __init__(self, problems: Sequence[Problem], segmenter: BatchSegmenter, mode: Mode) -> None:
        """Every problem, with a canonical solution each, begins at its last start."""
        cut = segmenter([problem.canonical for problem in problems], mode)
        self._stages: dict[str, CompletionStage] = {}
        for problem, parts in zip(problems, cut, strict=True):
            assert not isinstance(parts, SegmentationError)  # a canonical solution is a Python program
            self._stages[problem.id] = CompletionStage(completion_starts(problem, parts))

    def problem(self, problem: Problem) -> Problem:
        """The problem as it is given now: with its canonical solution up to the present start."""
        return started_problem(problem, self._stages[problem.id])

    def learn(self, rollouts: Sequence[Rollout]) -> None:
        """Move the problems of an update on whose completions the policy has learnt."""
        count, passed = Counter[str](), Counter[str]()
        for one in rollouts:
            count[one.problem_id] += 1
            passed[one.problem_id] += one.outcome.passed
        for name in count:
            self._stages[name] = next_stage(self._stages[name], passed[name], count[name])

    def figures(self) -> dict[str, float]:
        """For the log: the share of problems whose whole program the policy writes, and the mean share of the starts
        that it has left behind."""
        stages = self._stages.values()
        left = [1.0 if one.finished else one.stage / (len(one.starts) - 1) for one in stages]
        return {"finished": sum(one.finished for one in stages) / len(left), "progress": sum(left) / len(left)}

    def state(self) -> dict[str, int]:
        """The number of each problem's stage, by its id."""
        return {name: stage.stage for name, stage in self._stages.items()}

    def restore(self, state: Mapping[str, int]) -> None:
        """Go on from a checkpoint."""
        self._stages = {name: replace(stage, stage=state[name]) for name, stage in self._stages.items()}
