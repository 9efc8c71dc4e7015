"""The trainer of process reward models, for batches of rows and for batches of tries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from prlcoder.modeling.packing.rows import IGNORED
from prlcoder.modeling.packing.tree_attention import tree_arguments
from prlcoder.training.loop.trainer import FixedOrderTrainer
from prlcoder.training.losses.averaging import share_of_step_loss
from prlcoder.training.losses.reward_model import step_loss_sum

StepBatch = Mapping[str, torch.Tensor]


class StepTrainer(FixedOrderTrainer):
    """Weighted cross-entropy, averaged over the labels of an optimiser step: all ranks and micro-batches together.

    A batch is one of ``LabelledCollator`` (rows) or of ``StepTrieCollator`` (tries). Both give the same loss.
    """

    class_weights: tuple[float, float] = (1.0, 1.0)  # of rejected and chosen labels
    loss_is_scaled_for_ga = True  # tells transformers not to divide by the number of micro-batches again

    def get_batch_samples(self, epoch_iterator: Iterator[Any], num_batches: int, device: Any) -> tuple[list[Any], Any]:
        """The micro-batches of one optimiser step, and the sum of their weights over all ranks."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        if not batches:
            return batches, None
        own = torch.stack([self._weights(batch).sum() for batch in batches]).sum().to(device)
        return batches, self.accelerator.gather(own).sum()

    def compute_loss(
        self, model: Any, inputs: StepBatch, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Scalar loss of one micro-batch: its share of the optimiser step's loss."""
        labels, weights = inputs["labels"], self._weights(inputs)
        logits = self._logits(model, inputs)
        labelled = labels.flatten() != IGNORED
        total = step_loss_sum(logits[labelled], labels.flatten()[labelled], weights.flatten()[labelled])
        denominator = weights.sum() if num_items_in_batch is None else num_items_in_batch
        return share_of_step_loss(total, denominator, self.accelerator.num_processes)

    def _logits(self, model: Any, inputs: StepBatch) -> torch.Tensor:
        """The logits of every entry of ``labels``, flattened, (T, 2)."""
        if "ends" not in inputs:
            arguments = {name: value for name, value in inputs.items() if name != "labels"}
            logits: torch.Tensor = model(**arguments).logits
            return logits.flatten(0, 1)
        whole = self.accelerator.unwrap_model(model)
        arguments = tree_arguments(whole, inputs["input_ids"], inputs["position_ids"], inputs["ends"])
        logits = model(**arguments).logits
        return logits.flatten(0, 1)[inputs["sources"]]

    def _weights(self, inputs: StepBatch) -> torch.Tensor:
        """The weight of every entry of ``labels``: its class's times the number of its sequences; 0 without a label."""
        labels = inputs["labels"]
        rejected, chosen = self.class_weights
        weights = rejected * (labels == 0).float() + chosen * (labels == 1).float()
        return weights * inputs["counts"] if "counts" in inputs else weights
