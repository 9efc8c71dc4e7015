"""Locates the first wrong step of failing rollouts by execution, as the policy teacher does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prlcoder.executor import ExecutionResult, ProgramRunner
from prlcoder.problems.model import Problem
from prlcoder.segmenter import BatchSegmenter, Mode, Segment, SegmentationError
from prlcoder.supervision.first_wrong_by_rollout import CompletePrefixes, search_by_rollout
from prlcoder.supervision.first_wrong_step import FailingProgram, FirstWrong, search_by_splice
from prlcoder.training.examples.online_pairs import failing_program
from prlcoder.training.rollouts import Rollout


@dataclass(frozen=True)
class StepLocator:
    """Searches by splicing, or by rollouts from prefixes if ``complete`` is given. ``problems`` are by id."""

    problems: Mapping[str, Problem]
    segmenter: BatchSegmenter
    mode: Mode
    executor: ProgramRunner
    complete: CompletePrefixes | None = None
    _canonical: dict[str, tuple[Segment, ...]] = field(default_factory=dict)

    def failing_program(self, rollout: Rollout) -> FailingProgram | None:
        """The rollout as the search is given it; None if it passes or cannot be segmented."""
        problem = self.problems[rollout.problem_id]
        return failing_program(rollout, problem, self._segments(problem))

    def locate(self, rollouts: Sequence[Rollout], *, seed: int) -> list[FirstWrong]:
        """What the search finds for each rollout; None also for those that are not searched. Equal programs are
        searched once."""
        searched: dict[tuple[str, str], FailingProgram] = {}
        results: list[ExecutionResult] = []
        for one in rollouts:
            key, program = (one.problem_id, one.program), self.failing_program(one)
            if program is not None and key not in searched:
                searched[key] = program
                results.append(ExecutionResult(one.outcome.verdict, one.outcome.reason))
        found = dict(zip(searched, self._search(list(searched.values()), results, seed), strict=True))
        return [found.get((one.problem_id, one.program)) for one in rollouts]

    def _search(
        self, programs: Sequence[FailingProgram], results: Sequence[ExecutionResult], seed: int
    ) -> list[FirstWrong]:
        if self.complete is None:
            return search_by_splice(programs, self.executor.run)
        return search_by_rollout(programs, results, self.complete, self.executor.run, mode=self.mode, seed=seed)

    def _segments(self, problem: Problem) -> tuple[Segment, ...]:
        if problem.id not in self._canonical:
            (parts,) = self.segmenter([problem.canonical], self.mode)
            assert not isinstance(parts, SegmentationError)  # a canonical solution is a Python program
            self._canonical[problem.id] = tuple(parts)
        return self._canonical[problem.id]
