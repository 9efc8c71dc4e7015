"""Step-level DPO, pair by pair (paper, section 3.3.2 and Algorithm 2), and its likelihood-only control.

The loss of an optimiser step is the sum of weighted pair losses over all ranks and micro-batches, divided by the
number of distinct groups (programs, or pairs) among them (contracts, section 6): gradient accumulation and splitting
over processes change nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from transformers import AutoModelForCausalLM

from prlcoder.modeling.packing.rows import packs
from prlcoder.spec import Dpo
from prlcoder.training.loop.job import Job
from prlcoder.training.loop.likelihood import final_loss
from prlcoder.training.loop.model_card import model_card
from prlcoder.training.loop.trainer import Ordered, arguments, fit, publish
from prlcoder.training.losses.preference import dpo_loss, reward_margins, span_log_probs
from prlcoder.training.pair_examples import PairCollator

if TYPE_CHECKING:
    from datasets import Dataset

    from prlcoder.stages.context import Metrics

Objective = Literal["dpo", "nll"]
REFERENCE_TOKENS = 8192  # in one batch of the reference's pass


class PairTrainer(Ordered):
    """Optimises ``objective`` on pairs: the contrast of DPO, or the likelihood of the chosen segments alone."""

    loss_is_scaled_for_ga = True

    def __init__(self, *args: Any, settings: Dpo, objective: Objective, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._settings, self._objective = settings, objective
        self._sums: dict[str, float] = {}

    def get_batch_samples(self, epoch_iterator: Iterator[Any], num_batches: int, device: Any) -> tuple[list[Any], Any]:
        """The micro-batches of one optimiser step, and the number of distinct groups in them on all ranks."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        if not batches:
            return batches, None
        found = torch.cat([batch["group"] for batch in batches]).to(device)
        gathered = self.accelerator.gather(self.accelerator.pad_across_processes(found, pad_index=-1))
        return batches, (gathered.unique() >= 0).sum()

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Scalar loss of one micro-batch: its part of the optimiser step's."""
        losses = self._pair_losses(model, inputs)
        # DistributedDataParallel averages over processes, so the sum over them needs their number back.
        return (inputs["weight"] * losses).sum() * self.accelerator.num_processes / num_items_in_batch

    def _pair_losses(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        logits, pairs = pair_logits(model, inputs), len(inputs["group"])
        chosen, rejected = span_log_probs(logits, inputs["targets"], inputs["compared"], 2 * pairs).chunk(2)
        # Of the whole chosen segment, and the mean over its tokens, so that long segments do not dominate.
        sums = span_log_probs(logits, inputs["targets"], inputs["segment"], pairs)
        likelihood: torch.Tensor = -sums / inputs["segment_tokens"]
        if self._objective == "nll":
            self._record({"nll": likelihood})
            return likelihood
        margins = reward_margins(
            chosen, rejected, inputs["reference_chosen"], inputs["reference_rejected"], beta=self._settings.beta
        )
        shown = {
            "rewards/chosen": self._settings.beta * (chosen - inputs["reference_chosen"]),
            "rewards/rejected": self._settings.beta * (rejected - inputs["reference_rejected"]),
            "rewards/margins": margins,
            "rewards/accuracies": (margins > 0).float(),
            "logps/chosen": chosen,
            "logps/rejected": rejected,
        }
        self._record(shown)
        nll_weight: float = self._settings.nll_weight
        return dpo_loss(margins) + nll_weight * likelihood

    def _record(self, values: dict[str, torch.Tensor]) -> None:
        for name, value in {**values, "pairs": torch.ones_like(next(iter(values.values())))}.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value.detach().sum())

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the means over the pairs seen since the last entry (on this rank) to a training log entry."""
        if "loss" in logs and self._sums:
            pairs = self._sums.pop("pairs")
            logs = {**logs, **{name: value / pairs for name, value in self._sums.items()}}
            self._sums = {}
        super().log(logs, start_time)


def pair_logits(model: Any, batch: dict[str, Any]) -> torch.Tensor:
    """Logits at the columns ``batch["logits_to_keep"]``, ``(R, K, V)``."""
    asked = ("input_ids", "position_ids", "use_cache", "logits_to_keep")
    logits: torch.Tensor = model(**{name: batch[name] for name in asked}).logits
    return logits


def pair_log_probs(model: Any, batch: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities of the chosen and the rejected segments, ``(B,)`` each."""
    spans = 2 * len(batch["group"])
    chosen, rejected = span_log_probs(pair_logits(model, batch), batch["targets"], batch["compared"], spans).chunk(2)
    return chosen, rejected


def train_on_pairs(
    job: Job, init: str, tokenizer: Any, pairs: Dataset, settings: Dpo, objective: Objective, *, title: str
) -> Metrics:
    """Train the model ``init`` on ``pairs`` and publish it."""
    model = AutoModelForCausalLM.from_pretrained(init, dtype=torch.float32)
    collator = PairCollator(tokenizer.pad_token_id, together=packs(model))
    options = arguments(job, remove_unused_columns=False)
    if objective == "dpo":
        with options.main_process_first(desc="reference log-probabilities"):
            pairs = with_reference(pairs, model.to(options.device), init, collator, job.work)
    trainer = PairTrainer(
        model=model,
        args=options,
        train_dataset=pairs,
        processing_class=tokenizer,
        data_collator=collator,
        settings=settings,
        objective=objective,
    )
    history = fit(trainer, job)
    metrics: dict[str, float | int | str] = {
        "pairs": len(pairs),
        "programs": len(set(pairs["group"][:])),
        "steps": trainer.state.global_step,
        "loss": final_loss(history),
    }
    last: dict[str, Any] = next((entry for entry in reversed(history) if "rewards/margins" in entry), {})
    metrics |= {name.split("/")[1]: last[name] for name in ("rewards/margins", "rewards/accuracies") if name in last}
    publish(trainer, job, history, model_card(job, title=title, base=init, pipeline="text-generation", facts=metrics))
    return metrics


def with_reference(pairs: Dataset, model: Any, name: str, collator: PairCollator, work: Path) -> Dataset:
    """``pairs`` with the log-probabilities of both segments under the model as it is now, the reference.

    They are computed once and kept in ``work``: a resumed training must not take a half-trained model for it.
    """
    identity = json.dumps([name, pairs["chosen"][:], pairs["rejected"][:], pairs["start"][:]])
    path = work / f"reference-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.npy"
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        with temporary.open("wb") as file:
            np.save(file, reference_log_probs(pairs, model, collator))
        os.replace(temporary, path)
    chosen, rejected = np.load(path)
    pairs = pairs.add_column("reference_chosen", chosen.tolist())
    return pairs.add_column("reference_rejected", rejected.tolist())


@torch.inference_mode()
def reference_log_probs(pairs: Sequence[Any], model: Any, collator: PairCollator) -> np.ndarray[Any, Any]:
    """``(2, pairs)``: log-probabilities of the chosen and of the rejected segments, in the order of ``pairs``."""
    model.eval()
    examples = list(pairs)
    found = np.zeros((2, len(examples)), dtype=np.float32)
    order = sorted(range(len(examples)), key=lambda index: examples[index]["length"])
    while order:
        size = max(1, REFERENCE_TOKENS // (2 * examples[order[-1]]["length"]))
        batch = [order.pop() for _ in range(min(size, len(order)))]
        inputs = collator([examples[index] for index in batch])
        tensors = {key: value.to(model.device) if torch.is_tensor(value) else value for key, value in inputs.items()}
        for side, values in enumerate(pair_log_probs(model, tensors)):
            found[side, batch] = values.float().cpu().numpy()
    return found
