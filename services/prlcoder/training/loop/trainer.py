"""The one place where a spec's settings meet ``transformers.Trainer``: arguments, resuming, stopping, publishing.

Every training resumes exactly. A checkpoint counts only when it is complete (``LATEST`` is written last), the order of
examples is a function of (seed, epoch), and SIGTERM and Ctrl-C save a checkpoint before they end the process.
"""

from __future__ import annotations

import json
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.integrations import TensorBoardCallback, get_available_reporting_integrations
from transformers.utils import logging

from prlcoder.errors import InputError, WorkError
from prlcoder.files import atomic_output
from prlcoder.modeling.cpu import settle_cpu
from prlcoder.problems.prompts import template_digest
from prlcoder.signals import stop_signals_handled
from prlcoder.telemetry.progress import Progress
from prlcoder.training.loop.job import Job
from prlcoder.training.loop.order import ShuffledOrder

LATEST = "LATEST"  # names the newest complete checkpoint
MAX_CHECKPOINTS = 2  # the newest may be incomplete after a kill, so the one before it must still exist


class FixedOrderTrainer(Trainer):  # type: ignore[misc]  # transformers has no types
    """A ``Trainer`` whose order of examples depends on seed and epoch alone. Mix in before another trainer class."""

    def _get_train_sampler(self, train_dataset: Any = None) -> ShuffledOrder:
        return ShuffledOrder(len(self.train_dataset), seed=self.args.seed)


def arguments(job: Job, kind: type[TrainingArguments] = TrainingArguments, **more: Any) -> TrainingArguments:
    """The settings of the job as ``TrainingArguments`` or, by ``kind``, as TRL's subclass of them.

    ``InputError`` for an unknown tracker; ``WorkError`` if one process sees several GPUs.
    """
    settle_cpu()
    logging.disable_progress_bar()
    logging.set_verbosity_error()  # its warning about a new head says nothing new of a reward model
    section = job.section
    trackers = [name for name in job.report_to if name != "tensorboard"]  # `fit` adds TensorBoard, with its own folder
    absent = set(job.report_to) - {*get_available_reporting_integrations(), "none", "all"}
    if absent:
        name = min(absent)
        raise InputError(
            f"spec.tracking.reportTo: {name}: not installed or unknown; `pip install {name}` or leave it out"
        )
    minimum = {"min_lr_rate": section.min_lr_ratio} if section.lr_scheduler == "cosine_with_min_lr" else None
    made = kind(
        output_dir=str(job.work),
        seed=job.seed,
        data_seed=job.seed,
        report_to=trackers or "none",
        run_name=job.name,
        learning_rate=section.learning_rate,
        num_train_epochs=section.epochs,
        weight_decay=section.weight_decay,
        per_device_train_batch_size=section.batch_size,
        gradient_accumulation_steps=section.gradient_accumulation,
        lr_scheduler_type=section.lr_scheduler,
        lr_scheduler_kwargs=minimum,
        warmup_steps=section.warmup_ratio,
        adam_beta2=section.adam_beta2,
        max_grad_norm=section.max_grad_norm,
        bf16=section.bf16,
        gradient_checkpointing=section.gradient_checkpointing,
        logging_steps=section.logging_steps,
        logging_first_step=True,
        save_strategy="steps",
        save_steps=section.save_steps,
        save_total_limit=MAX_CHECKPOINTS,
        disable_tqdm=True,
        dataloader_pin_memory=False,
        use_cpu=not torch.accelerator.is_available(),
        **more,
    )
    if made.n_gpu > 1:
        raise WorkError(
            f"{job.name}: {made.n_gpu} GPUs are visible to one process; start it with torchrun (one process each), or "
            "set CUDA_VISIBLE_DEVICES to one"
        )
    return made


def fit(trainer: Trainer, job: Job) -> list[dict[str, Any]]:
    """Train to the end, from the last complete checkpoint if there is one, and return the log history.

    After SIGTERM or SIGINT a checkpoint is saved and the signal is raised again for the previous handler; ``WorkError``
    if that handler does not end the process.
    """
    stop = StopOnSignal()
    for callback in (stop, PointAtLatest(), ShowProgress(job.name)):
        trainer.add_callback(callback)
    trainer.remove_callback(PrinterCallback)  # it prints to standard output
    job.work.mkdir(parents=True, exist_ok=True)
    if "tensorboard" in job.report_to and trainer.is_world_process_zero():
        from torch.utils.tensorboard import SummaryWriter

        trainer.add_callback(TensorBoardCallback(SummaryWriter(str(job.work / "tensorboard"))))
    with stop.listening():
        trainer.train(resume_from_checkpoint=latest_checkpoint(job.work))
    if stop.received is not None:
        step = trainer.state.global_step
        signal.raise_signal(stop.received)
        raise WorkError(f"{job.name}: stopped by {stop.received.name} after saving step {step}; run again to go on")
    history: list[dict[str, Any]] = trainer.state.log_history
    return history


def publish(trainer: Trainer, job: Job, history: Sequence[dict[str, Any]], card: str) -> None:
    """Write the model folder: weights, tokenizer, template digest, model card, training log, tracker files."""
    if not trainer.is_world_process_zero():
        return
    job.output.mkdir(parents=True, exist_ok=True)
    trainer.accelerator.unwrap_model(trainer.model).save_pretrained(job.output)
    trainer.processing_class.save_pretrained(job.output)
    template = {"name": job.template, "sha256": template_digest(job.template)}
    (job.output / "prompt_template.json").write_text(json.dumps(template, indent=2) + "\n")
    (job.output / "training_log.json").write_text(json.dumps(list(history), indent=1) + "\n")
    (job.output / "README.md").write_text(card)
    if (job.work / "tensorboard").is_dir():
        shutil.copytree(job.work / "tensorboard", job.output / "tensorboard")


def latest_checkpoint(work: Path) -> str | None:
    """The newest complete checkpoint in ``work``, or None."""
    pointer = work / LATEST
    return str(work / pointer.read_text().strip()) if pointer.exists() else None


def load_tokenizer(model: str) -> Any:
    """The model's tokenizer. EOS takes the place of a missing padding token, which is safe because padding is always
    masked. ``InputError`` if there is no EOS token."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    if tokenizer.eos_token_id is None:
        raise InputError(f"model {model}: its tokenizer has no EOS token, so no program could end; set one")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


class PointAtLatest(TrainerCallback):  # type: ignore[misc]
    """Writes the name of a checkpoint to ``LATEST`` once all its files exist."""

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called after a checkpoint was saved."""
        if state.is_world_process_zero:
            with atomic_output(Path(args.output_dir) / LATEST) as file:
                file.write(f"checkpoint-{state.global_step}\n")


class StopOnSignal(TrainerCallback):  # type: ignore[misc]
    """On SIGTERM or SIGINT: finish the optimiser step, save a checkpoint, stop. A second signal acts at once."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._restore: Callable[[], None] | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle both signals within the block and restore the previous handlers after it."""
        if threading.current_thread() is not threading.main_thread():
            yield  # Python lets only the main thread set signal handlers
            return
        with stop_signals_handled(self._receive) as self._restore:
            yield

    def _receive(self, number: int) -> None:
        if self.received is not None and self._restore is not None:
            self._restore()
            signal.raise_signal(number)
        self.received = signal.Signals(number)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called after each optimiser step."""
        if self.received is not None:
            control.should_save = control.should_training_stop = True


class ShowProgress(TrainerCallback):  # type: ignore[misc]
    """Shows optimiser steps, rate, time left and the latest loss on standard error."""

    def __init__(self, label: str) -> None:
        self._label, self._loss = label, ""
        self._progress: Progress | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called before the first step."""
        if state.is_world_process_zero:
            self._progress = Progress(self._label, total=state.max_steps, unit="steps", done=state.global_step)
            self._progress.__enter__()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called after each optimiser step."""
        if self._progress is not None:
            self._progress.advance(note=self._loss)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **kwargs: Any) -> None:
        """Called with each entry of the log."""
        if "loss" in logs:
            self._loss = f"loss {float(logs['loss']):.4f}"

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called after the last step."""
        if self._progress is not None:
            self._progress.__exit__(None, None, None)
