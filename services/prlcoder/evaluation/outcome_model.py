"""The figures of an outcome reward model: on labelled whole programs of held-out problems, and on the policies' own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from prlcoder.evaluation.discrimination import figures
from prlcoder.evaluation.reward_model import judged_programs, whole
from prlcoder.evaluation.stage_cache import StageCache
from prlcoder.evaluation.step_scores import ProgramScorer
from prlcoder.supervision import Step

JudgedPrograms = Sequence[tuple[str, str, bool]]
"""(problem id, program, whether it is right) each."""


class OutcomeFigures:
    """Scores programs with an outcome reward model and caches what it finds."""

    def __init__(self, scorer: ProgramScorer, cache: StageCache) -> None:
        self._scorer, self._cache = scorer, cache

    def of(self, steps: Sequence[Step], written: Mapping[str, JudgedPrograms]) -> dict[str, Any]:
        """``held_out_programs``: the programs that the labelled ``steps`` were judged in. ``own_programs``: one program
        per problem of every policy in ``written``."""
        labelled = list(dict.fromkeys((step.problem_id, whole(step), step.label == "chosen") for step in steps))
        return {
            "held_out_programs": self._cache.load_or_compute("held_out_programs", "score", partial(self._on, labelled)),
            "own_programs": {
                name: self._cache.load_or_compute(f"{name}.own_programs", "score", partial(self._on, programs))
                for name, programs in written.items()
            },
        }

    def _on(self, programs: JudgedPrograms) -> dict[str, Any]:
        chances = self._scorer.outcomes([(problem_id, program) for problem_id, program, _ in programs])
        return figures(judged_programs(programs, chances))
