"""Next-token training of whole programs: from scratch for `pretrain`, by TRL for `sft` and the control `rft`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import TrainingArguments
from trl import SFTConfig, SFTTrainer

from prlcoder.modeling.packing.rows import LabelledCollator, supports_packing
from prlcoder.training.loop.job import Job
from prlcoder.training.loop.model_card import model_card
from prlcoder.training.loop.publishing import publish
from prlcoder.training.loop.starting_model import starting_policy
from prlcoder.training.loop.trainer import FixedOrderTrainer, arguments, fit

if TYPE_CHECKING:
    from prlcoder.stages.context import Metrics


class ProgramTrainer(FixedOrderTrainer):
    """Next-token loss, averaged over the labelled tokens of an optimiser step."""


class FixedOrderSftTrainer(FixedOrderTrainer, SFTTrainer):  # type: ignore[misc]
    """TRL's supervised fine-tuning. The examples are already tokenised and labelled, so TRL must not prepare them."""


def train_from_scratch(job: Job, model: Any, tokenizer: Any, examples: Any) -> Metrics:
    """Train ``model`` on ``examples`` and publish it."""
    trainer = ProgramTrainer(
        model=model,
        args=arguments(job, TrainingArguments),
        train_dataset=examples,
        processing_class=tokenizer,
        data_collator=LabelledCollator(tokenizer.pad_token_id, together=supports_packing(model)),
    )
    return _finish(trainer, job, title="A language model from scratch", base="random weights")


def fine_tune(job: Job, base: str, tokenizer: Any, examples: Any, *, title: str) -> Metrics:
    """Fine-tune ``base`` on ``examples`` with TRL and publish it."""
    settings = arguments(job, SFTConfig, max_length=None, packing=False, dataset_kwargs={"skip_prepare_dataset": True})
    model = starting_policy(job, base)
    trainer = FixedOrderSftTrainer(
        model=model,
        args=settings,
        train_dataset=examples,
        processing_class=tokenizer,
        data_collator=LabelledCollator(tokenizer.pad_token_id, together=supports_packing(model)),
    )
    return _finish(trainer, job, title=title, base=base)


def _finish(trainer: Any, job: Job, *, title: str, base: str) -> Metrics:
    history = fit(trainer, job)
    metrics: dict[str, float | int | str] = {
        "examples": len(trainer.train_dataset),
        "steps": trainer.state.global_step,
        "loss": final_loss(history),
    }
    publish(trainer, job, history, model_card(job, title=title, base=base, pipeline="text-generation", facts=metrics))
    return metrics


def final_loss(history: list[dict[str, Any]]) -> float:
    """The last logged training loss."""
    return next((float(entry["loss"]) for entry in reversed(history) if "loss" in entry), float("nan"))
