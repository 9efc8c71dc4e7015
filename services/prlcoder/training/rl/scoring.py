"""The reward model's probability of each step of sampled programs.

Scores come by text: the scorer tokenises the programs itself, so it may have another tokenizer than the policy.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from prlcoder.errors import WorkError
from prlcoder.prm.items import StepScore
from prlcoder.prm.protocol import StepScorer
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import Prompt, PromptTemplate, render
from prlcoder.segmenter import Segment

ProgramKey = tuple[str, str]
"""Problem id and whole program."""
StepProbabilities = tuple[float | None, ...]
"""Per segment of a program: the probability of the step; None if it is no step that the policy wrote."""
ProgramScore = StepProbabilities | float | None
"""Of a program: the scores of its steps, or one by an outcome reward model; None if the program is too long."""

WHOLE: Final = "program"  # kind of the only segment that an outcome reward model scores


class RolloutScorer:
    """Scores programs of known problems under one prompt template."""

    def __init__(self, scorer: StepScorer, problems: Iterable[Problem], template: PromptTemplate) -> None:
        self._scorer = scorer
        self._prompts = {problem.id: render(problem, template, scorer.tokenizer) for problem in problems}

    def score(self, programs: Mapping[ProgramKey, Sequence[Segment]]) -> dict[ProgramKey, StepProbabilities | None]:
        """The scores of each program's segments; None for a program that is too long for the reward model.

        ``WorkError`` if a score is NaN or infinite.
        """
        items = [
            (key, (self._prompts[key[0]], key[1], self._own_steps(key[0], parts))) for key, parts in programs.items()
        ]
        scored = [(key, item) for key, item in items if item[2]]
        found = dict(zip((key for key, _ in scored), self._scores([item for _, item in scored]), strict=True))
        return {key: _aligned(key, programs[key], found.get(key, [])) for key in programs}

    def score_programs(self, programs: Sequence[ProgramKey]) -> dict[ProgramKey, float | None]:
        """An outcome reward model's probability that each program is right; None for a program that is too long.

        To such a model a program is one long step. An empty program has no token to score, and is wrong.
        """
        found: dict[ProgramKey, float | None] = {key: 0.0 for key in programs if not key[1].strip()}
        keys = [key for key in dict.fromkeys(programs) if key not in found]
        items = [(self._prompts[key[0]], key[1], [Segment(0, len(key[1]), WHOLE, key[1])]) for key in keys]
        for key, item, scores in zip(keys, items, self._scores(items), strict=True):
            probabilities = _aligned(key, item[2], scores)
            found[key] = None if probabilities is None else probabilities[0]
        return found

    def _own_steps(self, problem_id: str, segments: Sequence[Segment]) -> list[Segment]:
        """The steps that the policy wrote; the problem gives the beginning of the program."""
        given = len(self._prompts[problem_id].given)
        return [part for part in segments if part.is_step and part.end > given]

    def _scores(self, items: Sequence[tuple[Prompt, str, list[Segment]]]) -> list[list[StepScore] | None]:
        try:
            return list(self._scorer.score(items))
        except ValueError:  # at least one program is too long; the others are scored one by one
            return [self._score_alone(item) for item in items]

    def _score_alone(self, item: tuple[Prompt, str, list[Segment]]) -> list[StepScore] | None:
        try:
            return self._scorer.score([item])[0]
        except ValueError:
            return None


def _aligned(
    key: ProgramKey, segments: Sequence[Segment], scores: Sequence[StepScore] | None
) -> StepProbabilities | None:
    if scores is None:
        return None
    by_start = {score.start: score.probability for score in scores}
    if not all(map(math.isfinite, by_start.values())):
        raise WorkError(f"{key[0]}: the reward model's score of a step is not finite; train or give another one")
    return tuple(by_start.get(part.start) for part in segments)
