"""What trainings on preference pairs share: the averaging of their loss, their log, and the published result.

A subclass says what the loss of a pair is. The loss of an optimiser step is averaged over the step as a whole
(``losses/averaging.py``).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from prlcoder.modeling.packing.rows import supports_packing
from prlcoder.modeling.packing.tree_attention import reads_tries
from prlcoder.training.examples.pair_tries import PairBinCollator, PairTrieCollator, pair_bins
from prlcoder.training.examples.pairs import PairBatch, PairCollating, PairCollator, target_logps
from prlcoder.training.loop.job import Job
from prlcoder.training.loop.language_modeling import final_loss
from prlcoder.training.loop.model_card import model_card
from prlcoder.training.loop.publishing import publish
from prlcoder.training.loop.trainer import FixedOrderTrainer, arguments, fit
from prlcoder.training.losses.averaging import global_loss_denominator, share_of_step_loss

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import TrainingArguments

    from prlcoder.stages.context import Metrics
    from prlcoder.training.algorithms.start import PolicyStart


class PairTrainer(FixedOrderTrainer):
    """Minimises ``pair_losses`` over batches of preference pairs."""

    loss_is_scaled_for_ga = True  # tells transformers not to divide by the number of micro-batches again

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sums: dict[str, float] = {}

    @abstractmethod
    def pair_losses(self, logps: torch.Tensor, batch: PairBatch) -> torch.Tensor:
        """The loss of each pair, ``(B,)``, from the log-probabilities of the batch's targets, ``(R, K)``."""

    def get_batch_samples(self, epoch_iterator: Iterator[Any], num_batches: int, device: Any) -> tuple[list[Any], Any]:
        """The micro-batches of one optimiser step, and the denominator of its loss over all ranks."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        if not batches:
            return batches, None
        ids = [batch["loss_denominator_ids"].to(device) for batch in batches]
        return batches, global_loss_denominator(ids, self.accelerator)

    def compute_loss(
        self, model: Any, inputs: PairBatch, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Scalar loss of one micro-batch: its share of the optimiser step's loss."""
        total = (inputs["weight"] * self.pair_losses(target_logps(model, inputs), inputs)).sum()
        return share_of_step_loss(total, num_items_in_batch, self.accelerator.num_processes)

    def record(self, values: dict[str, torch.Tensor]) -> None:
        """Add values per pair, ``(B,)`` each, to the means that the next log entry shows."""
        for name, value in {**values, "pairs": torch.ones_like(next(iter(values.values())))}.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value.detach().sum())

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the means over the pairs seen since the last entry (on this rank) to a training log entry."""
        if "loss" in logs and self._sums:
            pairs = self._sums.pop("pairs")
            logs = {**logs, **{name: value / pairs for name, value in self._sums.items()}}
            self._sums = {}
        super().log(logs, start_time)


@dataclass(frozen=True)
class PairSetup:
    """The initial policy ready for training, the collator of pairs, and the training arguments.

    ``batch_tokens`` is the bound of a batch of whole programs; None if batches are of single pairs.
    """

    model: Any
    collator: PairCollating
    options: TrainingArguments
    batch_tokens: int | None = None

    def data(self, pairs: Dataset, pad: int) -> dict[str, Any]:
        """The arguments ``train_dataset`` and ``data_collator`` of the trainer."""
        if self.batch_tokens is None:
            return {"train_dataset": pairs, "data_collator": self.collator}
        found = pair_bins(list(pairs), self.batch_tokens, seed=self.options.seed)
        return {"train_dataset": found, "data_collator": PairBinCollator(pad)}


def pair_setup(job: Job, model: Any, pairs: Dataset, pad: int) -> PairSetup:
    """Decide how the pairs become batches. ``model`` is the policy ready for training.

    Pairs share their prefixes in a trie if the model computes the same on the first pairs as on rows. With
    ``batchTokens`` all pairs of a program share one trie.
    """
    first = pairs[:4]
    budget: int | None = getattr(job.section, "batch_tokens", None)
    if reads_tries(model, [*first["chosen"], *first["rejected"]], what=job.name, attention=job.attention):
        if budget is not None:
            job = replace(job, section=job.section.model_copy(update={"batch_size": 1}))  # an example is a whole batch
        return PairSetup(model, PairTrieCollator(pad), arguments(job, remove_unused_columns=False), budget)
    collator = PairCollator(pad, together=supports_packing(model))
    return PairSetup(model, collator, arguments(job, remove_unused_columns=False))


def fit_and_publish(trainer: PairTrainer, job: Job, start: PolicyStart, *, title: str) -> Metrics:
    """Train to the end, publish the model folder, and return what the report shows."""
    history = fit(trainer, job)
    pairs, _ = start.pairs
    metrics: dict[str, float | int | str] = {
        "pairs": len(pairs),
        "programs": len(set(pairs["loss_denominator_id"][:])),
        "steps": trainer.state.global_step,
        "loss": final_loss(history),
    }
    last: dict[str, Any] = next((entry for entry in reversed(history) if "rewards/margins" in entry), {})
    metrics |= {name.split("/")[1]: last[name] for name in ("rewards/margins", "rewards/accuracies") if name in last}
    card = model_card(job, title=title, base=start.init, pipeline="text-generation", facts=metrics)
    publish(trainer, job, history, card)
    return metrics
