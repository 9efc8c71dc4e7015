"""Writes the model folder of a finished training."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from typing import Any

from transformers import Trainer

from prlcoder.errors import WorkError
from prlcoder.files import write_json
from prlcoder.modeling.adapters import LABELS
from prlcoder.modeling.checkpoints import TEMPLATE_FILE
from prlcoder.training.loop.checkpoints import latest_checkpoint
from prlcoder.training.loop.finite import first_not_finite
from prlcoder.training.loop.job import Job
from prlcoder.training.loop.starting_model import saved_dtype


def publish(trainer: Trainer, job: Job, history: Sequence[dict[str, Any]], card: str) -> None:
    """Write the model folder of a finished ``Trainer``, in the process of rank 0."""
    if trainer.is_world_process_zero():
        model = trainer.accelerator.unwrap_model(trainer.model)
        write_model_folder(model, trainer.processing_class, job, history, card)


def write_model_folder(model: Any, tokenizer: Any, job: Job, history: Sequence[dict[str, Any]], card: str) -> None:
    """Write the model folder: weights, tokenizer, template digest, model card, training log, tracker files."""
    job.output.mkdir(parents=True, exist_ok=True)
    save_model(model, job)
    tokenizer.save_pretrained(job.output)
    template = job.template.record(tokenizer)
    (job.output / TEMPLATE_FILE).write_text(json.dumps(template, indent=2) + "\n")
    (job.output / "training_log.json").write_text(json.dumps(list(history), indent=1) + "\n")
    (job.output / "README.md").write_text(card)
    if (job.work / "tensorboard").is_dir():
        shutil.copytree(job.work / "tensorboard", job.output / "tensorboard")


def save_model(model: Any, job: Job) -> None:
    """Save a whole model in the type that the spec names, or an adapter in float32.

    ``WorkError`` if a weight is not finite. In float16 that happens to every weight above 65,504.
    """
    if job.peft is not None and job.peft.merge:
        model = model.merge_and_unload()
    if not job.publishes_adapter:
        model = model.to(saved_dtype(job))
    if (name := first_not_finite((name, weight.detach()) for name, weight in model.named_parameters())) is not None:
        checkpoint = latest_checkpoint(job.work)
        raise WorkError(
            f"{job.name}: after the last step: the weight {name} contains a NaN or an infinity in {saved_dtype(job)}; "
            f"the last good checkpoint is {checkpoint}; set model.dtype to float32 or bfloat16"
        )
    model.save_pretrained(job.output)
    if job.publishes_adapter and model.peft_config["default"].task_type == "TOKEN_CLS":
        write_json(job.output / LABELS, model.config.id2label)
