"""Measures a reward model on held-out labelled steps during its training, and calibrates it on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import torch

from prlcoder.modeling.packing.rows import token_batch
from prlcoder.modeling.packing.tree import group_by_budget
from prlcoder.modeling.packing.tree_attention import tree_arguments
from prlcoder.prm.calibration import Calibration, auroc
from prlcoder.prm.scoring import batches
from prlcoder.training.examples.step_tries import StepTrieCollator, step_tries
from prlcoder.training.examples.steps import StepSequence

HEADS: Final = ("score", "classifier")  # module names of the two-class head


class StepValidation:
    """Held-out labelled steps, each label of a prefix once, and the passes that score them."""

    def __init__(self, sequences: Sequence[StepSequence], *, pad: int, budget: int, in_tries: bool) -> None:
        self._sequences, self._pad, self._budget, self._in_tries = sequences, pad, budget, in_tries

    def __len__(self) -> int:
        return sum(len(sequence.labels) for sequence in self._sequences)

    def auroc(self, model: Any) -> float | None:
        """AUROC of the steps; None if all have the same label, or if a score is NaN."""
        return auroc(self.scored(model))

    @torch.inference_mode()
    def scored(self, model: Any) -> list[tuple[float, bool]]:
        """The log-odds of "chosen" at every labelled step, with whether it is chosen."""
        model = getattr(model, "module", model)
        training = model.training
        model.eval()
        try:
            return list(self._tries(model) if self._in_tries else self._rows(model))
        finally:
            model.train(training)

    def _tries(self, model: Any) -> Iterator[tuple[float, bool]]:
        tries = step_tries(self._sequences, self._budget)
        collate = StepTrieCollator(self._pad)
        for group in group_by_budget(list(map(len, tries)), self._budget):
            batch = collate([[tries[number] for number in group]])
            arguments = tree_arguments(model, batch["input_ids"], batch["position_ids"], batch["ends"])
            logits = model(**arguments).logits.flatten(0, 1)[batch["sources"].to(model.device)]
            yield from _odds(logits, batch["labels"].tolist())

    def _rows(self, model: Any) -> Iterator[tuple[float, bool]]:
        for group in batches([len(sequence.ids) for sequence in self._sequences], self._budget):
            members = [self._sequences[number] for number in group]
            inputs = token_batch([sequence.ids for sequence in members], self._pad)
            logits = model(**{name: value.to(model.device) for name, value in inputs.items()}, use_cache=False).logits
            for row, sequence in zip(logits, members, strict=True):
                yield from _odds(row[sequence.positions], sequence.labels)


def _odds(logits: torch.Tensor, labels: Sequence[int]) -> Iterator[tuple[float, bool]]:
    odds = (logits[:, 1].float() - logits[:, 0].float()).tolist()
    return zip(odds, map(bool, labels), strict=True)


@torch.no_grad()
def calibrate_head(model: Any, calibration: Calibration) -> bool:
    """Fold a calibration into the two-class head, so that every loader of the model gets calibrated probabilities.

    Returns False, and changes nothing, if no trained head with a bias is found.
    """
    head = {
        name.rsplit(".", 1)[-1]: weight
        for name, weight in model.named_parameters()
        if weight.requires_grad and any(part in HEADS for part in name.split("."))
    }
    if head.keys() != {"weight", "bias"}:
        return False
    for weight in head.values():
        weight /= calibration.temperature
    half = calibration.offset / (2 * calibration.temperature)
    head["bias"] += torch.tensor([-half, half], dtype=head["bias"].dtype, device=head["bias"].device)
    return True
