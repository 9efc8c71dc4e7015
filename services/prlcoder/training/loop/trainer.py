"""The one place where a spec's settings meet ``transformers.Trainer``: arguments, resuming, stopping.

Every training resumes exactly. A checkpoint counts only when it is complete (``LATEST`` is written last), the order of
examples is a function of (seed, epoch), and SIGTERM and Ctrl-C save a checkpoint before they end the process.
"""

from __future__ import annotations

import signal
from typing import Any

import torch
from transformers import PrinterCallback, Trainer, TrainingArguments
from transformers.integrations import TensorBoardCallback, get_available_reporting_integrations
from transformers.utils import logging

from prlcoder.errors import InputError, WorkError
from prlcoder.modeling.cpu import settle_cpu
from prlcoder.training.loop.checkpoints import PointAtLatest, latest_checkpoint
from prlcoder.training.loop.finite import FiniteGuard
from prlcoder.training.loop.job import Job
from prlcoder.training.loop.order import ShuffledOrder
from prlcoder.training.loop.show_progress import ShowProgress
from prlcoder.training.loop.stop_on_signal import StopOnSignal

MAX_CHECKPOINTS = 2  # the newest may be incomplete after a kill, so the one before it must still exist


class FixedOrderTrainer(Trainer):  # type: ignore[misc]  # transformers has no types
    """A ``Trainer`` whose order of examples depends on seed and epoch alone, and which stops at the first NaN.

    Mix in before another trainer class.
    """

    guard: FiniteGuard | None = None  # set by ``fit``
    progress: ShowProgress | None = None  # set by ``fit``

    def _get_train_sampler(self, train_dataset: Any = None) -> ShuffledOrder:
        return ShuffledOrder(len(self.train_dataset), seed=self.args.seed)

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> tuple[list[Any], Any]:
        """The micro-batches of one optimiser step, and the number of their labelled tokens over all ranks."""
        batches, items = super().get_batch_samples(*args, **kwargs)
        if self.progress is not None:
            self.progress.count(batches, self.processing_class.pad_token_id)
        return batches, items

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Loss and gradients of one micro-batch. Returns the loss, a scalar."""
        loss: torch.Tensor = super().training_step(*args, **kwargs)
        if self.guard is not None:
            self.guard.add_loss(loss)
        return loss


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
        logging_nan_inf_filter=False,  # it would log the mean of earlier losses in place of a NaN
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


def fit(trainer: FixedOrderTrainer, job: Job) -> list[dict[str, Any]]:
    """Train to the end, from the last complete checkpoint if there is one, and return the log history.

    After SIGTERM or SIGINT a checkpoint is saved and the signal is raised again for the previous handler; ``WorkError``
    if that handler does not end the process, and for a NaN or an infinity in a loss, a gradient or a weight.
    """
    stop, trainer.guard, trainer.progress = StopOnSignal(), FiniteGuard(job.name, job.work), ShowProgress(job.name)
    for callback in (stop, trainer.guard, PointAtLatest(), trainer.progress):
        trainer.add_callback(callback)
    trainer.remove_callback(PrinterCallback)  # it prints to standard output
    job.work.mkdir(parents=True, exist_ok=True)
    if "tensorboard" in job.report_to and trainer.is_world_process_zero():
        from torch.utils.tensorboard import SummaryWriter

        trainer.add_callback(TensorBoardCallback(SummaryWriter(str(job.work / "tensorboard"))))
    with stop.listening(), trainer.progress.showing():
        trainer.train(resume_from_checkpoint=latest_checkpoint(job.work))
    if stop.received is not None:
        step = trainer.state.global_step
        signal.raise_signal(stop.received)
        raise WorkError(f"{job.name}: stopped by {stop.received.name} after saving step {step}; run again to go on")
    history: list[dict[str, Any]] = trainer.state.log_history
    return history
