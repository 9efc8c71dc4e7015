"""Makes the trainer of a reward model from labelled token sequences: on tries if the model reads them, else on rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from datasets import Dataset

from prlcoder.modeling.packing.rows import LabelledCollator, supports_packing
from prlcoder.modeling.packing.tree_attention import reads_tries
from prlcoder.spec import Reward
from prlcoder.training.examples.step_tries import StepTrieCollator, bins, step_tries
from prlcoder.training.examples.steps import StepSequence
from prlcoder.training.loop.job import Job
from prlcoder.training.loop.step_trainer import StepTrainer
from prlcoder.training.loop.trainer import arguments
from prlcoder.training.losses.reward_model import class_weights


def reads_step_tries(model: Any, learnt: Sequence[StepSequence], job: Job) -> bool:
    """Whether the model computes the same on tries as on rows, tried with the first problem's programs."""
    first = [item.ids for item in learnt if item.problem_id == learnt[0].problem_id]
    return reads_tries(model, first, what=job.name, attention=job.attention)


def reward_trainer(
    model: Any, tokenizer: Any, learnt: Sequence[StepSequence], job: Job, section: Reward, *, in_tries: bool
) -> tuple[StepTrainer, int]:
    """The trainer, and the number of tokens of an epoch."""
    pad = tokenizer.pad_token_id
    data: Any
    collator: Any
    if in_tries:
        tries = step_tries(learnt, section.batch_tokens)
        data, collator = bins(tries, section.batch_tokens, seed=job.seed), StepTrieCollator(pad)
        job = replace(job, section=section.model_copy(update={"batch_size": 1}))  # one example is a whole batch
        tokens = sum(map(len, tries))
    else:
        examples = [{"input_ids": item.ids, "labels": item.token_labels()} for item in learnt]
        data, collator = Dataset.from_list(examples), LabelledCollator(pad, together=supports_packing(model))
        tokens = sum(len(item.ids) for item in learnt)
    trainer = StepTrainer(
        model=model,
        args=arguments(job, remove_unused_columns=False),
        train_dataset=data,
        processing_class=tokenizer,
        data_collator=collator,
    )
    if section.class_balance:
        trainer.class_weights = class_weights([label for item in learnt for label in item.labels])
    return trainer, tokens
