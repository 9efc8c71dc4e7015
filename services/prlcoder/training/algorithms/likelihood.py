"""Likelihood-only controls of a policy: they see data of the same origin and no contrast between chosen and rejected.

``nll`` raises the likelihood of the chosen segments of the pairs that DPO contrasts. ``rft`` (rejection-sampling
fine-tuning) raises the likelihood of the policy's own whole programs that passed their tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from prlcoder.errors import WorkError
from prlcoder.supervision.store import read_rows
from prlcoder.training.algorithms.pairwise import PairTrainer, fit_and_publish, pair_setup
from prlcoder.training.examples.pairs import PairBatch
from prlcoder.training.examples.programs import program_dataset
from prlcoder.training.loop.job import Job
from prlcoder.training.loop.language_modeling import fine_tune
from prlcoder.training.loop.starting_model import starting_policy
from prlcoder.training.losses.preference import chosen_segment_nll

if TYPE_CHECKING:
    from prlcoder.stages.context import Metrics
    from prlcoder.training.algorithms.start import PolicyStart


class ChosenLikelihoodTrainer(PairTrainer):
    """Maximises the likelihood of the chosen segments alone."""

    def pair_losses(self, logps: torch.Tensor, batch: PairBatch) -> torch.Tensor:
        """Negative log-likelihood per token of each chosen segment, ``(B,)``."""
        nll = chosen_segment_nll(logps, batch)
        self.record({"nll": nll})
        return nll


def train_on_chosen(job: Job, start: PolicyStart, *, title: str) -> Metrics:
    """Control ``nll``: likelihood of the chosen segments."""
    pairs, _ = start.pairs
    setup = pair_setup(job, starting_policy(job, start.init), pairs, start.tokenizer.pad_token_id)
    trainer = ChosenLikelihoodTrainer(
        model=setup.model,
        args=setup.options,
        processing_class=start.tokenizer,
        **setup.data(pairs, start.tokenizer.pad_token_id),
    )
    return fit_and_publish(trainer, job, start, title=title)


def train_on_passing(job: Job, start: PolicyStart, *, title: str) -> Metrics:
    """Control ``rft``: likelihood of the policy's own passing programs. ``WorkError`` if there are none."""
    passing = [
        (start.prompts[row["problem_id"]], row["program"])
        for row in read_rows(start.context.artifacts["supervise"], "programs")
        if row["origin"] == "policy" and row["label"] == "chosen" and row["problem_id"] in start.prompts
    ]
    if not passing:
        raise WorkError(
            "policy.controls: rft: the supervision holds no program of the policy that passed; "
            "add `{kind: policy}` to supervision.teachers, or leave this control out"
        )
    examples, dropped = program_dataset(start.tokenizer, passing, max_length=start.max_length, on_prompt=False)
    return {**fine_tune(job, start.init, start.tokenizer, examples, title=title), "dropped": dropped}
