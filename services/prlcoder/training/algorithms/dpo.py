"""Step-level DPO on the supervision's pairs, or in several rounds on pairs of the policy's own newest errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prlcoder.training.algorithms import online_dpo
from prlcoder.training.algorithms.dpo_trainer import dpo_trainer
from prlcoder.training.algorithms.pairwise import fit_and_publish, pair_setup
from prlcoder.training.loop.job import Job
from prlcoder.training.loop.reference import add_reference_logps
from prlcoder.training.loop.starting_model import starting_policy

if TYPE_CHECKING:
    from prlcoder.stages.context import Metrics
    from prlcoder.training.algorithms.start import PolicyStart


def train(job: Job, start: PolicyStart, *, title: str) -> Metrics:
    """Train the policy on the run's preference pairs, with the initial policy as the reference; or in several rounds on
    pairs of its own (``online_dpo``)."""
    if start.pair_settings.rounds > 1:
        return online_dpo.train(job, start, title=title)
    pairs, dropped = start.pairs
    model = starting_policy(job, start.init)
    setup = pair_setup(job, model, pairs, start.tokenizer.pad_token_id)
    with setup.options.main_process_first(desc="reference log-probabilities"):
        pairs = add_reference_logps(pairs, model.to(setup.options.device), start.init, setup.collator, job.work)
    trainer = dpo_trainer(setup, pairs, start)
    return {**fit_and_publish(trainer, job, start, title=title), "dropped": dropped}
