"""What an algorithm starts from: the initial policy, its tokenizer, and the run's training data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from prlcoder.modeling.spans import check_template
from prlcoder.modeling.tokenizer_loading import load_tokenizer
from prlcoder.problems.prompts import Prompt, render
from prlcoder.spec import Dpo, Policy
from prlcoder.supervision.store import read_rows
from prlcoder.training.examples.pairs import COLUMNS, pair_dataset
from prlcoder.training.loop.job import initial_model

if TYPE_CHECKING:
    from datasets import Dataset

    from prlcoder.stages.context import StageContext


@dataclass(frozen=True)
class PolicyStart:
    """The same for the policy and for its controls, so that they differ in their algorithm alone."""

    context: StageContext
    section: Policy
    init: str  # folder or hub id of the initial policy
    tokenizer: Any
    prompts: dict[str, Prompt]  # of every training problem, by its id

    @classmethod
    def of(cls, context: StageContext, section: Policy) -> PolicyStart:
        """``InputError`` if ``section.init`` is not a model of this run, or if the template does not fit the model."""
        init = initial_model(context, section.init)
        tokenizer = load_tokenizer(init)
        return cls(context, section, init, tokenizer, training_prompts(context, tokenizer))

    @property
    def max_length(self) -> int:
        """Tokens per example; longer examples are left out."""
        return self.context.spec.model.max_length

    @property
    def pair_settings(self) -> Dpo:
        """How pairs are chosen, weighted and contrasted."""
        return self.section.dpo or Dpo()

    @cached_property
    def pairs(self) -> tuple[Dataset, int]:
        """The preference pairs of the training problems, and the number of pairs that are too long."""
        # A supervision from elsewhere may hold problems that this run does not train on.
        rows = read_rows(self.context.artifacts["supervise"], "pairs", COLUMNS)
        known = (row for row in rows if row["problem_id"] in self.prompts)
        return pair_dataset(self.tokenizer, self.prompts, known, self.pair_settings, max_length=self.max_length)


def training_prompts(context: StageContext, tokenizer: Any) -> dict[str, Prompt]:
    """The prompt of every training problem by its id. ``InputError`` if prompts are tokenised differently with and
    without a solution."""
    template = context.template
    prompts = {problem.id: render(problem, template, tokenizer) for problem in context.train}
    solved = [problem for problem in context.train if problem.solutions]
    check_template(tokenizer, template.name, [prompts[p.id] for p in solved], [p.canonical for p in solved])
    return prompts
