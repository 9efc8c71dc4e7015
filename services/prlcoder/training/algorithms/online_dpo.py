"""Online step-level DPO: several rounds on the policy's own newest errors (``policy.dpo.rounds``).

A round samples programs from the policy as it is, locates the first wrong step of the failing ones by execution, and
makes one pass over the new pairs by DPO. The reference model is the policy at the start of the round. Everything that
is drawn is a function of the seed and the number of the round, so that a training that is killed and run again ends
with the same weights.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from datasets import Dataset
from transformers.utils import logging

from prlcoder.errors import WorkError
from prlcoder.files import atomic_output
from prlcoder.modeling.cpu import settle_cpu
from prlcoder.modeling.packing.tree_attention import attend_with
from prlcoder.spec import Dpo, Rl
from prlcoder.training.algorithms.dpo_trainer import dpo_trainer
from prlcoder.training.algorithms.pairwise import PairSetup, pair_setup
from prlcoder.training.examples.pairs import tokenised_pairs, weighted
from prlcoder.training.loop.language_modeling import final_loss
from prlcoder.training.loop.model_card import model_card
from prlcoder.training.loop.publishing import write_model_folder
from prlcoder.training.loop.reference import add_reference_logps
from prlcoder.training.loop.starting_model import starting_policy
from prlcoder.training.loop.trainer import fit
from prlcoder.training.online.round_files import RoundFolder, RoundRecord
from prlcoder.training.online.round_pairs import RoundPairs, collect_pairs
from prlcoder.training.rl.collecting import OVER_LENGTH
from prlcoder.training.rl.opening import check_one_process, check_rollouts, local_engine, open_collector
from prlcoder.training.rl.update_log import flat

if TYPE_CHECKING:
    from prlcoder.stages.context import Metrics
    from prlcoder.training.algorithms.start import PolicyStart
    from prlcoder.training.loop.job import Job
    from prlcoder.training.rl.collecting import RolloutCollector

ROUNDS_FILE: Final = "rounds.jsonl"
SAME_TOKENS: Final = "same_tokens"  # both programs of the pair
IMPLAUSIBLE: Final = "implausible"  # the policy finds the rejected step much less probable than the chosen one


def train(job: Job, start: PolicyStart, *, title: str) -> Metrics:
    """Train the policy in rounds and publish it into ``job.output``."""
    settings = start.pair_settings
    check_one_process("policy.dpo.rounds")
    check_rollouts(start, "policy.dpo.rounds", needs_solutions=True)
    settle_cpu()
    logging.disable_progress_bar()
    model = starting_policy(job, start.init).to("cuda" if torch.cuda.is_available() else "cpu")
    with start.context.executor() as executor:
        rollouts = rollout_settings(settings, len(start.context.train))
        engine = local_engine(start, rollouts, model, "policy.dpo.rounds")
        collector = open_collector(start, rollouts, engine, executor)
        records = Rounds(job, start, model, collector).run()
    if not any(record.row["pairs"] for record in records):
        raise WorkError(
            f"{job.name}: no round made a pair; {counts(records[0].row['dropped'])}; raise policy.dpo.sampling.samples"
        )
    return _publish(job, start, model, records, title=title)


def rollout_settings(settings: Dpo, problems: int) -> Rl:
    """The sampling of a round as the settings of rollouts that are judged by their verdict."""
    sampling = settings.sampling
    return Rl.model_validate(
        {
            "prompts": problems if sampling.prompts is None else min(sampling.prompts, problems),
            "samples": sampling.samples,
            "temperature": sampling.temperature,
            "maxNewTokens": sampling.max_new_tokens,
            "rewards": [{"kind": "verdict"}],
            "credit": {"rule": "outcome", "locate": sampling.locate, "rollouts": sampling.rollouts},
        }
    )


class Rounds:
    """All rounds of a training, on one model in memory."""

    def __init__(self, job: Job, start: PolicyStart, model: Any, collector: RolloutCollector) -> None:
        self._job, self._start, self._model, self._collector = job, start, model, collector
        self._settings = start.pair_settings
        self._trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self._attention = model.config.get_text_config()._attn_implementation

    def run(self) -> list[RoundRecord]:
        """Make every round that is not finished, in order. Returns the records of all."""
        folders = [RoundFolder(self._job.work, number) for number in range(1, self._settings.rounds + 1)]
        records: list[RoundRecord] = []
        while len(records) < len(folders) and (record := folders[len(records)].record()) is not None:
            records.append(record)
        if records:
            folders[len(records) - 1].restore(self._trained)
        for folder in folders[len(records) :]:
            record = self._round(folder)
            folder.finish(record, self._trained)
            self._show(record.row)
            records.append(record)
        return records

    def _round(self, folder: RoundFolder) -> RoundRecord:
        found = folder.pairs()
        if found is None:
            self._model.eval()  # dropout would change what is sampled
            attend_with(self._model, self._attention)  # an implementation for tries cannot sample
            found = collect_pairs(self._collector, folder.number - 1)
            folder.keep_pairs(found)
        row, history = self._learn(folder, found)
        return RoundRecord({"round": folder.number, **found.row(), **row, "seconds": found.seconds}, history)

    def _learn(self, folder: RoundFolder, found: RoundPairs) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """One pass over the pairs of a round. Returns further figures of its row, and the log of the training."""
        start, job = self._start, self._round_job(folder)
        tokenised = tokenised_pairs(start.tokenizer, start.prompts, [asdict(pair) for pair in found.pairs])
        fitting = tokenised.within(start.max_length)
        dropped = Counter(found.dropped)
        dropped[SAME_TOKENS] += tokenised.same_tokens
        dropped[OVER_LENGTH] += len(tokenised.programs) - len(fitting.programs)
        history: list[dict[str, Any]] = []
        trained_on = 0
        if fitting.programs:
            pairs = weighted(fitting.dataset(), fitting.programs, self._settings.weighting)
            setup = pair_setup(job, self._model, pairs, start.tokenizer.pad_token_id)
            pairs = add_reference_logps(pairs, self._model, folder.path.name, setup.collator, folder.path)
            kept = plausible(pairs, self._settings.sampling.max_log_ratio)
            dropped[IMPLAUSIBLE] += len(pairs) - len(kept)
            trained_on = len(kept)
            if kept:
                programs = [fitting.programs[number] for number in kept]
                chosen = Dataset.from_list([pairs[number] for number in kept])  # unlike `select`, silent
                history = self._fit(job, setup, weighted(chosen, programs, self._settings.weighting))
        figures: dict[str, Any] = {"pairs": trained_on, "dropped": {name: n for name, n in dropped.items() if n}}
        if history:
            figures["loss"] = final_loss(history)
        return figures, history

    def _fit(self, job: Job, setup: PairSetup, pairs: Dataset) -> list[dict[str, Any]]:
        trainer = dpo_trainer(setup, pairs, self._start)
        history = fit(trainer, job)
        # Without its wrapper for bfloat16, so that every round samples from the same kind of model.
        trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
        return history

    def _round_job(self, folder: RoundFolder) -> Job:
        """The training of one round: one pass, with an order of its own."""
        job = self._job
        section = job.section.model_copy(update={"epochs": 1.0})
        seed = int(np.random.SeedSequence((job.seed % 2**64, folder.number)).generate_state(1)[0])
        name = f"{job.name}, round {folder.number} of {self._settings.rounds}"
        return replace(job, name=name, section=section, seed=seed, work=folder.path)

    def _show(self, row: Mapping[str, Any]) -> None:
        print(
            f"{self._job.name}: round {row['round']} of {self._settings.rounds}: {row['pass_rate']:.1%} of "
            f"{row['sampled']} programs pass, {row['pairs']} pairs; {counts(row['dropped'])}",
            file=sys.stderr,
        )


def plausible(pairs: Dataset, max_log_ratio: float | None) -> list[int]:
    """The numbers of the pairs whose chosen step is at most ``max_log_ratio`` nats more probable to the reference than
    the rejected one."""
    ratios = zip(pairs["ref_chosen_logps"][:], pairs["ref_rejected_logps"][:], strict=True)
    return [
        number
        for number, (chosen, rejected) in enumerate(ratios)
        if max_log_ratio is None or chosen - rejected <= max_log_ratio
    ]


def counts(dropped: Mapping[str, int]) -> str:
    """What was left out, by reason.

    >>> counts({"repeated": 3, "no_step": 1}), counts({})
    ('left out: 3 repeated, 1 no_step', 'nothing left out')
    """
    return "left out: " + ", ".join(f"{n} {name}" for name, n in dropped.items()) if dropped else "nothing left out"


def _publish(job: Job, start: PolicyStart, model: Any, records: Sequence[RoundRecord], *, title: str) -> Metrics:
    """Write the model folder and the log of the rounds. Returns what the report shows."""
    first, last = records[0].row, records[-1].row
    history = steps_in_order([record.history for record in records])
    metrics: dict[str, float | int | str] = {
        "rounds": len(records),
        "sampled": sum(record.row["sampled"] for record in records),
        "pairs": sum(record.row["pairs"] for record in records),
        "dropped": sum(sum(record.row["dropped"].values()) for record in records),
        "steps": history[-1]["step"],
        "first_pass_rate": first["pass_rate"],
        "last_pass_rate": last["pass_rate"],
    }
    if "tensorboard" in job.report_to:
        _draw(job, records)
    card = model_card(job, title=title, base=start.init, pipeline="text-generation", facts=metrics)
    write_model_folder(model, start.tokenizer, job, history, card)
    with atomic_output(job.output / ROUNDS_FILE) as file:
        file.writelines(json.dumps(record.row) + "\n" for record in records)
    return metrics


def steps_in_order(histories: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The entries of all rounds, with optimiser steps counted on from round to round.

    >>> steps_in_order([[{"step": 1}, {"step": 2}], [], [{"step": 1}]])
    [{'step': 1}, {'step': 2}, {'step': 3}]
    """
    made: list[dict[str, Any]] = []
    for history in histories:
        before = made[-1]["step"] if made else 0
        made += [{**entry, "step": before + entry["step"]} for entry in history]
    return made


def _draw(job: Job, records: Sequence[RoundRecord]) -> None:
    """Put the rounds, and the training of each, into the folder of TensorBoard that is published."""
    from torch.utils.tensorboard import SummaryWriter

    folder = job.work / "tensorboard"
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier attempt to publish
    with SummaryWriter(str(folder)) as board:
        for record in records:
            for name, value in flat(record.row):
                board.add_scalar(name, value, record.row["round"])
    for number in range(1, len(records) + 1):
        own = RoundFolder(job.work, number).path / "tensorboard"
        if own.is_dir():
            shutil.copytree(own, folder / f"round-{number}")
