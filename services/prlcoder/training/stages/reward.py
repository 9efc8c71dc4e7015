"""Stage `reward`: the process reward model R_P(d, w_<=i), a two-class head on a causal backbone (paper, section 3.2).

The loss is cross-entropy at the last visible token of every labelled step and nowhere else. The stage `evaluate`
measures the model on held-out steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForTokenClassification

from prlcoder.modeling.adapters import STEP_LABELS, classifier_config, load_model
from prlcoder.modeling.packing.rows import IGNORED, LabelledCollator, supports_packing
from prlcoder.modeling.spans import check_template
from prlcoder.problems.prompts import render
from prlcoder.spec import Reward
from prlcoder.supervision.rows import training_buckets
from prlcoder.supervision.store import read_rows
from prlcoder.training.examples.length_limit import dataset_within_limit
from prlcoder.training.examples.steps import COLUMNS, StepSequence, step_sequences
from prlcoder.training.loop.job import Job, initial_model
from prlcoder.training.loop.language_modeling import final_loss
from prlcoder.training.loop.model_card import model_card
from prlcoder.training.loop.publishing import publish
from prlcoder.training.loop.starting_model import loading_dtype, prepared
from prlcoder.training.loop.trainer import FixedOrderTrainer, arguments, fit, load_tokenizer
from prlcoder.training.losses.averaging import share_of_step_loss

if TYPE_CHECKING:
    from prlcoder.stages.context import Metrics, StageContext


class StepTrainer(FixedOrderTrainer):
    """Cross-entropy averaged over the labelled steps of an optimiser step, all ranks and micro-batches together."""

    loss_is_scaled_for_ga = True  # tells transformers not to divide by the number of micro-batches again

    def compute_loss(
        self, model: Any, inputs: dict[str, torch.Tensor], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Scalar loss of one micro-batch: its share of the optimiser step's loss."""
        labels = inputs.pop("labels")
        logits = model(**inputs).logits
        total = cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="sum")
        count = (labels != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
        return share_of_step_loss(total, count, self.accelerator.num_processes)


def run(context: StageContext) -> Metrics:
    """Train the reward model and publish its folder."""
    section = context.spec.reward or Reward()
    job = Job.of(context, "reward", section)
    base = initial_model(context, section.model)
    tokenizer = load_tokenizer(base)
    learnt = _sequences(context, tokenizer)
    examples = [{"input_ids": item.ids, "labels": item.token_labels()} for item in learnt]
    kept, dropped = dataset_within_limit(
        examples, lengths=[len(item.ids) for item in learnt], max_length=context.spec.model.max_length
    )
    model = step_classifier(base, seed=job.seed, dtype=loading_dtype(job))
    model = prepared(model, job, base=base, task="TOKEN_CLS")
    trainer = StepTrainer(
        model=model,
        args=arguments(job),
        train_dataset=kept,
        processing_class=tokenizer,
        data_collator=LabelledCollator(tokenizer.pad_token_id, together=supports_packing(model)),
    )
    history = fit(trainer, job)
    metrics: dict[str, float | int | str] = {
        "steps_labelled": sum(len(item.positions) for item in learnt),
        "sequences": len(kept),
        "dropped": dropped,
        "steps": trainer.state.global_step,
        "loss": final_loss(history),
    }
    card = model_card(job, title="A process reward model", base=base, pipeline="token-classification", facts=metrics)
    publish(trainer, job, history, card)
    return metrics


def _sequences(context: StageContext, tokenizer: Any) -> list[StepSequence]:
    """The labelled steps of the training problems. A supervision from elsewhere may hold other problems as well."""
    template = context.spec.model.prompt_template
    problems = {problem.id: problem for problem in context.train}
    buckets = training_buckets(bool(context.spec.supervision and context.spec.supervision.use_generated))
    rows = [
        row
        for row in read_rows(context.artifacts["supervise"], "steps", COLUMNS)
        if row["problem_id"] in problems and row["bucket"] in buckets
    ]
    prompts = {
        name: render(problems[name], template, tokenizer) for name in dict.fromkeys(row["problem_id"] for row in rows)
    }
    solved = [name for name in prompts if problems[name].solutions]
    check_template(
        tokenizer, template, [prompts[name] for name in solved], [problems[name].canonical for name in solved]
    )
    return step_sequences(tokenizer, prompts, rows)


def step_classifier(base: str, *, seed: int, dtype: torch.dtype = torch.float32) -> Any:
    """The backbone of ``base`` with a new two-class head, without dropout; the same head for the same seed."""
    torch.manual_seed(seed)
    config = classifier_config(base, STEP_LABELS)
    model, _ = load_model(AutoModelForTokenClassification, base, dtype=dtype, config=config)
    return model
