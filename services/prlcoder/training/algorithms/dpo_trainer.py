"""The trainer of step-level DPO (paper, section 3.3.2 and Algorithm 2; https://arxiv.org/abs/2305.18290, eq. 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from prlcoder.spec import Dpo
from prlcoder.training.algorithms.pairwise import PairSetup, PairTrainer
from prlcoder.training.examples.pairs import PairBatch
from prlcoder.training.losses.preference import chosen_segment_nll, dpo_loss, pair_logps, reward_margins

if TYPE_CHECKING:
    from datasets import Dataset

    from prlcoder.training.algorithms.start import PolicyStart


class DpoTrainer(PairTrainer):
    """Contrasts chosen with rejected segments; ``settings.nll_weight`` adds the likelihood of the chosen ones."""

    def __init__(self, *args: Any, settings: Dpo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._settings = settings

    def pair_losses(self, logps: torch.Tensor, batch: PairBatch) -> torch.Tensor:
        """DPO loss per pair plus the weighted likelihood loss, ``(B,)``."""
        losses = dpo_loss(self._margins(logps, batch))
        return losses + self._settings.nll_weight * chosen_segment_nll(logps, batch)

    def _margins(self, logps: torch.Tensor, batch: PairBatch) -> torch.Tensor:
        """The reward margin of each pair, ``(B,)``, recorded with its parts under the names that the field logs."""
        beta = self._settings.beta
        policy_chosen_logps, policy_rejected_logps = pair_logps(logps, batch)
        ref_chosen_logps, ref_rejected_logps = batch["ref_chosen_logps"], batch["ref_rejected_logps"]
        margins = reward_margins(
            policy_chosen_logps, policy_rejected_logps, ref_chosen_logps, ref_rejected_logps, beta=beta
        )
        self.record(
            {
                "rewards/chosen": beta * (policy_chosen_logps - ref_chosen_logps),
                "rewards/rejected": beta * (policy_rejected_logps - ref_rejected_logps),
                "rewards/margins": margins,
                "rewards/accuracies": (margins > 0).float(),
                "logps/chosen": policy_chosen_logps,
                "logps/rejected": policy_rejected_logps,
            }
        )
        return margins


def dpo_trainer(setup: PairSetup, pairs: Dataset, start: PolicyStart) -> DpoTrainer:
    """The trainer of ``setup.model`` on pairs that have their reference's log-probabilities."""
    return DpoTrainer(
        model=setup.model,
        args=setup.options,
        processing_class=start.tokenizer,
        settings=start.pair_settings,
        **setup.data(pairs, start.tokenizer.pad_token_id),
    )
