"""Trains the process reward model again while the policy learns, on the policy's newest programs.

The first wrong step of each failing program is located by execution. Every ``refreshEvery`` updates, the reward model
makes its passes over the steps that were labelled since the last time. These steps and the model's weights belong into
a checkpoint, so that a training that is killed and run again ends with the same weights.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from prlcoder.prm.calibration import auroc
from prlcoder.problems.prompts import render
from prlcoder.training.examples.policy_steps import policy_steps
from prlcoder.training.examples.steps import StepSequence, labelled_once, step_sequences
from prlcoder.training.loop.language_modeling import final_loss
from prlcoder.training.loop.reward_trainer import reads_step_tries, reward_trainer
from prlcoder.training.loop.step_validation import StepValidation
from prlcoder.training.loop.trainer import fit
from prlcoder.training.rl.locating import StepLocator
from prlcoder.training.rl.schedule import completion_seed
from prlcoder.training.rollouts import Rollout

if TYPE_CHECKING:
    from prlcoder.prm.scoring import LocalStepScorer
    from prlcoder.spec import Reward, RlRewardModel
    from prlcoder.training.algorithms.start import PolicyStart
    from prlcoder.training.loop.job import Job


class RewardModelRefresh:
    """The reward model in training. ``scorer`` scores with the same weights."""

    def __init__(
        self, start: PolicyStart, job: Job, section: Reward, settings: RlRewardModel, scorer: LocalStepScorer
    ) -> None:
        """``section`` is that of the reward model; its passes and learning rate are those of ``settings``."""
        context = start.context
        assert settings.refresh_every is not None
        self._every = settings.refresh_every
        self._model = scorer.step_model.model.float()  # small steps are lost in a smaller type
        self._tokenizer = scorer.tokenizer
        self._prompts = {one.id: render(one, context.template, self._tokenizer) for one in context.train}
        self._max_length = start.max_length
        passes = {"epochs": settings.epochs, "learning_rate": settings.learning_rate}
        self._section = section.model_copy(update=passes)
        self._job = replace(job, name="reward model", section=self._section, report_to=(), peft=None)
        self._seed = job.seed
        self._waiting: list[dict[str, Any]] = []  # labelled steps since the last refresh
        self._updates = 0  # since the last refresh

    def learn(self, rollouts: Sequence[Rollout], update: int, locator: StepLocator) -> dict[str, float]:
        """Label the steps of an update's programs, and train if it is time. Returns figures for the log.

        ``auroc`` is measured on the new steps before the model has learnt from them; it is missing if all of them have
        the same label. Without a training there are no figures.
        """
        judged = [one for one in rollouts if one.finished and one.segments]
        located = locator.locate(judged, seed=completion_seed(seed=self._seed, update=update))
        self._waiting += policy_steps(zip(judged, located, strict=True))
        self._updates += 1
        if self._updates < self._every:
            return {}
        rows, self._waiting, self._updates = self._waiting, [], 0
        sequences = labelled_once(step_sequences(self._tokenizer, self._prompts, rows))
        sequences = [one for one in sequences if len(one.ids) <= self._max_length]
        return self._train(sequences, update) if sequences else {"steps": 0.0}

    def _train(self, sequences: Sequence[StepSequence], update: int) -> dict[str, float]:
        seed = int(np.random.SeedSequence((self._seed % 2**64, update)).generate_state(1)[0])
        job = replace(self._job, seed=seed, work=self._folder(update))
        in_tries = reads_step_tries(self._model, sequences, job)
        pad, budget = self._tokenizer.pad_token_id, self._section.batch_tokens
        measured = StepValidation(sequences, pad=pad, budget=budget, in_tries=in_tries).scored(self._model)
        trainer, _ = reward_trainer(self._model, self._tokenizer, sequences, job, self._section, in_tries=in_tries)
        loss = final_loss(fit(trainer, job))
        trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
        self._model.eval()
        shutil.rmtree(job.work, ignore_errors=True)
        found = auroc(measured)
        labels = [label for one in sequences for label in one.labels]
        figures = {"steps": float(len(labels)), "chosen": sum(labels) / len(labels), "loss": loss}
        return figures if found is None else {**figures, "auroc": found}

    def _folder(self, update: int) -> Path:
        return self._job.work / f"refresh-{update + 1}"

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds: the weights, and the steps that wait."""
        weights = {name: weight.detach() for name, weight in self._model.named_parameters()}
        return {"weights": weights, "updates": self._updates, "waiting": self._waiting}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        with torch.no_grad():
            for name, weight in self._model.named_parameters():
                weight.copy_(state["weights"][name])
        self._updates, self._waiting = state["updates"], list(state["waiting"])
