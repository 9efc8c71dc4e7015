"""Step scores of whole programs by a run's reward model, and their aggregation to one score per program."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prlcoder.prm.items import StepScore
from prlcoder.prm.protocol import StepScorer
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import Prompt, PromptTemplate, render
from prlcoder.segmenter import Mode, Segment, SegmentationError, segment

AGGREGATES = ("product", "mean", "min", "last")  # where only one figure is shown, it is the first one's
WHOLE = "program"  # kind of the only segment that an outcome reward model scores


@dataclass(frozen=True)
class ScoredProgram:
    """All segments of a program, each with its probability, or None if it is not a step that the policy wrote. Both are
    empty if the program does not parse; if it is too long for the reward model, all probabilities are None."""

    segments: tuple[Segment, ...] = ()
    probabilities: tuple[float | None, ...] = ()

    @property
    def scores(self) -> list[float]:
        """The probabilities of the steps alone."""
        return [probability for probability in self.probabilities if probability is not None]


class ProgramScorer:
    """Scores programs of known problems under one prompt template and segmentation mode."""

    def __init__(
        self,
        scorer: StepScorer,
        problems: Iterable[Problem],
        template: PromptTemplate | str,
        mode: Mode,
        tokenizer: object,
    ) -> None:
        self._scorer = scorer
        self._mode: Mode = mode
        self._prompts = {problem.id: render(problem, template, tokenizer) for problem in problems}
        self._scored: dict[tuple[str, str], ScoredProgram] = {}

    def programs(self, items: Sequence[tuple[str, str]]) -> list[ScoredProgram]:
        """Segments and scores of each (problem id, program). Equal items are scored once, also over several calls:
        the policies of a run write many equal programs."""
        new = [item for item in dict.fromkeys(items) if item not in self._scored]
        self._scored.update(zip(new, self._programs(new), strict=True))
        return [self._scored[item] for item in items]

    def _programs(self, items: Sequence[tuple[str, str]]) -> list[ScoredProgram]:
        """The same for different items, none of which has been scored."""
        segments = {item: cut(item[1], self._mode) for item in items}
        own = {item: own_steps(parts, self._prompts[item[0]].given) for item, parts in segments.items()}
        scored = [item for item, steps in own.items() if steps]
        found = self._score([(id, program, own[id, program]) for id, program in scored])
        probabilities = {
            item: {score.start: score.probability for score in scores}
            for item, scores in zip(scored, found, strict=True)
        }
        return [
            ScoredProgram(tuple(parts), tuple(probabilities.get(item, {}).get(part.start) for part in parts))
            for item, parts in segments.items()
        ]

    def steps(self, items: Sequence[tuple[str, str, Segment]]) -> list[float | None]:
        """The probability of the step in each (problem id, program, step); None if the program is too long."""
        found = self._score([(id, program, [step]) for id, program, step in items])
        return [scores[0].probability if scores else None for scores in found]

    def outcomes(self, items: Sequence[tuple[str, str]]) -> list[float]:
        """The probability that an outcome reward model gives each (problem id, program) as a whole.

        It is 0 for a program without any visible character and for one that is too long. Equal items are scored once.
        """
        distinct = [item for item in dict.fromkeys(items) if item[1].strip()]
        found = self.steps([(id, program, Segment(0, len(program), WHOLE, program)) for id, program in distinct])
        scores = dict(zip(distinct, found, strict=True))
        return [scores.get(item) or 0.0 for item in items]

    def _score(self, items: Sequence[tuple[str, str, Sequence[Segment]]]) -> Sequence[Sequence[StepScore]]:
        """Scores of each item; empty for a program that is longer than the model's context."""
        prepared = [(self._prompts[id], program, steps) for id, program, steps in items]
        try:
            return self._scorer.score(prepared)
        except ValueError:  # at least one is too long; scoring one by one finds which
            return [self._score_one(item) for item in prepared]

    def _score_one(self, item: tuple[Prompt, str, Sequence[Segment]]) -> Sequence[StepScore]:
        try:
            return self._scorer.score([item])[0]
        except ValueError:
            return []


def cut(program: str, mode: Mode) -> list[Segment]:
    """The program's segments; empty if it does not parse."""
    try:
        return segment(program, mode)
    except SegmentationError:
        return []


def own_steps(segments: Sequence[Segment], given: str) -> list[Segment]:
    """The segments that count as steps and that the policy wrote: they end after ``given``, the code of the prompt."""
    return [part for part in segments if part.is_step and part.end > len(given)]


def aggregate(program: ScoredProgram) -> Mapping[str, float]:
    """The program's score by each aggregate of its steps' probabilities: ``product``, ``mean``, ``min``, ``last``; 0
    for a program without steps. The product is the probability that all steps are right, if they are independent."""
    scores = program.scores or [0.0]
    return {"product": math.prod(scores), "mean": sum(scores) / len(scores), "min": min(scores), "last": scores[-1]}
