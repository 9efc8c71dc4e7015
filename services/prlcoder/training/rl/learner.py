"""The models that learn from rollouts: their log-probabilities and values, and the optimiser steps of an update."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers.modeling_layers import GradientCheckpointingLayer

from prlcoder.modeling.packing.rows import supports_packing
from prlcoder.spec import Rl, RlValue, Training
from prlcoder.training.loop.finite import FiniteGuard
from prlcoder.training.losses.policy_gradient import (
    PolicyStatistics,
    clipped_policy_loss,
    correction_weights,
    kl_penalty,
    loss_denominator,
    policy_statistics,
    token_weights,
    weighted_sum,
)
from prlcoder.training.losses.value import clipped_value_loss
from prlcoder.training.rl.ranks import Ranks
from prlcoder.training.rl.schedule import minibatches
from prlcoder.training.rl.token_batch import TokenBatch, completion_logps, in_batches
from prlcoder.training.rl.value_model import ValueModel
from prlcoder.training.rollouts import Rollout

if TYPE_CHECKING:
    from prlcoder.training.loop.job import Job

ALONE: Final = Ranks()
BATCH_TOKENS: Final = {"cpu": 2048, "cuda": 16384}  # per forward pass without gradients


def language_model(model: Any) -> Any:
    """The model of ``transformers`` in a policy or in a value model."""
    return model.backbone if isinstance(model, ValueModel) else model


class TrainedModel:
    """A model with its optimiser. It stays in evaluation mode: dropout would change the probability ratios."""

    def __init__(self, model: Any, section: Training, learning_rate: float, ranks: Ranks) -> None:
        """All weights that require gradients are trained, by AdamW with the settings of ``section``."""
        self.model = model.eval()
        self._ranks = ranks
        self._recomputing: list[Any] = []
        if section.gradient_checkpointing:
            language_model(model).gradient_checkpointing_enable({"use_reentrant": False})
            self._recomputing = [part for part in model.modules() if isinstance(part, GradientCheckpointingLayer)]
        self._learning_rate, self._max_grad_norm = learning_rate, section.max_grad_norm
        self._named = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self._optimizer = torch.optim.AdamW(
            self._named.values(),
            lr=learning_rate,
            betas=(0.9, section.adam_beta2),
            weight_decay=section.weight_decay,
        )

    @contextmanager
    def recomputing(self) -> Iterator[None]:
        """Within the block, a forward pass keeps no activations of layers if the section asks for that.

        ``transformers`` decides by the layer's own flag for training. The modules inside keep theirs, so that nothing
        is dropped out.
        """
        for layer in self._recomputing:
            layer.training = True
        try:
            yield
        finally:
            for layer in self._recomputing:
                layer.training = False

    def step(self, share: float, guard: FiniteGuard, number: int) -> float:
        """Apply the gradients of all processes. ``share`` scales the learning rate; ``number`` is the step's, for
        messages.

        Returns the norm of the gradients before they are clipped.
        """
        self._ranks.add_gradients(self._named.values())
        guard.check_gradients(self.model, number)
        for group in self._optimizer.param_groups:
            group["lr"] = self._learning_rate * share
        norm = torch.nn.utils.clip_grad_norm_(self._named.values(), self._max_grad_norm)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        guard.check_weights(self.model, number)
        return float(norm)

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds: the trained weights and the optimiser."""
        weights = {name: weight.detach() for name, weight in self._named.items()}
        return {"weights": weights, "optimizer": self._optimizer.state_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        with torch.no_grad():
            for name, weight in self._named.items():
                weight.copy_(state["weights"][name])
        self._optimizer.load_state_dict(state["optimizer"])


@dataclass(frozen=True)
class TokenTargets:
    """What an update learns from, ``(B, T)`` each. ``returns`` and ``values`` are for the value model, and
    ``reference_logps`` is for a divergence in the loss."""

    mask: torch.Tensor  # True for the tokens that are trained on
    sampling_logps: torch.Tensor
    old_logps: torch.Tensor
    advantages: torch.Tensor
    reference_logps: torch.Tensor | None = None
    returns: torch.Tensor | None = None
    values: torch.Tensor | None = None

    def of(self, numbers: Sequence[int], longest: int) -> TokenTargets:
        """The rows of some rollouts, cut to their longest completion."""
        rows = torch.tensor(numbers, device=self.mask.device)
        parts = {name: None if value is None else value[rows, :longest] for name, value in vars(self).items()}
        return TokenTargets(**parts)  # type: ignore[arg-type]  # the fields without a default are never None


class Learner:
    """The policy, its frozen reference and, for PPO, the value model."""

    def __init__(
        self,
        job: Job,
        rl: Rl,
        policy: Any,
        reference: Any | None,
        value: ValueModel | None,
        pad: int,
        ranks: Ranks = ALONE,
    ) -> None:
        """``reference`` is None if the policy without its adapters is the reference, or if none is needed."""
        self.ranks, self.device = ranks, ranks.device
        self.rl, self._section, self._seed, self._pad = rl, job.section, job.seed, pad
        self._packs = supports_packing(policy)
        self.policy = TrainedModel(policy.to(self.device), job.section, job.section.learning_rate, ranks)
        self._reference = None if reference is None else reference.to(self.device).eval()
        self.value: TrainedModel | None = None
        if value is not None:
            learning_rate = (rl.value or RlValue()).learning_rate
            self.value = TrainedModel(value.to(self.device), job.section, learning_rate, ranks)
        self._guards = {name: FiniteGuard(f"{job.name}: {name}", job.work) for name in ("policy", "value")}
        self.steps = 0  # optimiser steps so far

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        value = None if self.value is None else self.value.state()
        return {"policy": self.policy.state(), "value": value, "steps": self.steps}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.policy.restore(state["policy"])
        if self.value is not None:
            self.value.restore(state["value"])
        self.steps = state["steps"]

    def precision(self) -> AbstractContextManager[Any]:
        """Computes in bfloat16 if the section asks for it."""
        return torch.autocast(self.device.type, torch.bfloat16) if self._section.bf16 else nullcontext()

    def logps(self, rollouts: Sequence[Rollout]) -> torch.Tensor:
        """Log-probabilities under the policy as it is now, ``(B, T)``."""
        return self._all(rollouts, lambda batch: self._token_logps(self.policy.model, batch))[0]

    def reference_logps(self, rollouts: Sequence[Rollout]) -> torch.Tensor:
        """Log-probabilities under the initial policy, ``(B, T)``."""
        if self._reference is None:
            with self.policy.model.disable_adapter():
                return self.logps(rollouts)
        return self._all(rollouts, lambda batch: self._token_logps(self._reference, batch))[0]

    def values(self, rollouts: Sequence[Rollout]) -> torch.Tensor:
        """The value model's estimates before each token, ``(B, T)``."""
        assert self.value is not None
        model = self.value.model
        (found,) = self._all(rollouts, lambda batch: (model(batch),))
        return found

    @torch.no_grad()
    def _all(
        self, rollouts: Sequence[Rollout], compute: Callable[[TokenBatch], tuple[torch.Tensor, ...]]
    ) -> tuple[torch.Tensor, ...]:
        """The results of ``compute``, ``(B, T)`` each, for all rollouts. Each process computes a share of the rows."""
        share = self.ranks.share(len(rollouts))
        own = [rollouts[number] for number in share]
        rows: list[tuple[torch.Tensor, ...]] = []  # per rollout
        for numbers in in_batches(own, BATCH_TOKENS[self.device.type]):
            with self.precision():
                found = compute(self._batch([own[number] for number in numbers]))
            rows += [tuple(row.cpu() for row in of_rollout) for of_rollout in zip(*found, strict=True)]
        return tuple(
            pad_sequence(list(column), batch_first=True).to(self.device)
            for column in zip(*self.ranks.gathered(rows), strict=True)
        )

    def _batch(self, rollouts: Sequence[Rollout]) -> TokenBatch:
        return TokenBatch.of(rollouts, self._pad, together=self._packs, device=self.device)

    def _token_logps(self, model: Any, batch: TokenBatch) -> tuple[torch.Tensor, torch.Tensor]:
        return completion_logps(model, batch, self.rl.temperature)

    def update(
        self, rollouts: Sequence[Rollout], targets: TokenTargets, update: int, *, policy_share: float
    ) -> dict[str, float]:
        """The optimiser steps of an update, in minibatches. Returns their figures for the log.

        ``policy_share`` is the policy's learning rate as a share of its peak; with 0 only the value model learns.
        """
        size = self._section.batch_size * self._section.gradient_accumulation * self.ranks.count
        figures = UpdateFigures()
        for epoch in range(self.rl.epochs):
            for numbers in minibatches(len(rollouts), size, seed=self._seed, update=update, epoch=epoch):
                if bool(targets.mask[numbers].any()):
                    self._minibatch(rollouts, numbers, targets, policy_share, figures)
        return sum(self.ranks.gathered([figures]), start=UpdateFigures()).means(self.ranks.count)

    def _minibatch(
        self,
        rollouts: Sequence[Rollout],
        numbers: Sequence[int],
        targets: TokenTargets,
        policy_share: float,
        figures: UpdateFigures,
    ) -> None:
        """One optimiser step of each model. Its loss is the mean over rollouts of the means over their tokens (paper,
        Algorithm 1, lines 8 and 9), over the whole minibatch, so that several forward passes change nothing."""
        rows = loss_denominator(targets.mask[list(numbers)], "sequence")
        size = self._section.batch_size
        for start in range(self.ranks.rank * size, len(numbers), size * self.ranks.count):
            part = numbers[start : start + size]
            batch = self._batch([rollouts[number] for number in part])
            own = targets.of(part, max(batch.lengths))
            if policy_share:
                figures.policy_loss += self._backward("policy", self._policy_loss(batch, own, figures) / rows)
            if self.value is not None:
                figures.value_loss += self._backward("value", self._value_loss(self.value, batch, own) / rows)
        self.steps += 1
        figures.steps += 1
        if policy_share:
            figures.gradient_norm += self.policy.step(policy_share, self._guards["policy"], self.steps)
        if self.value is not None:
            self.value.step(1.0, self._guards["value"], self.steps)

    def _policy_loss(self, batch: TokenBatch, targets: TokenTargets, figures: UpdateFigures) -> torch.Tensor:
        """The sum over rollouts; the clipped loss with its correction, and the divergence if it is in the loss."""
        rl = self.rl
        with self.precision(), self.policy.recomputing():
            logps, entropies = self._token_logps(self.policy.model, batch)
        losses = clipped_policy_loss(logps, targets.old_logps, targets.advantages, rl.clip)
        correction = correction_weights(
            targets.old_logps, targets.sampling_logps, targets.mask, rl.correction.kind, rl.correction.cap
        )
        weights = token_weights(targets.mask, "sequence")
        loss = weighted_sum(losses, weights * correction)
        if rl.kl.in_ == "loss" and targets.reference_logps is not None:
            divergence = kl_penalty(logps, targets.reference_logps, rl.kl.estimator)
            loss = loss + rl.kl.coefficient * weighted_sum(divergence, weights)
        figures.add(
            policy_statistics(
                logps.detach(),
                targets.old_logps,
                targets.sampling_logps,
                targets.advantages,
                targets.mask,
                clip=rl.clip,
                weights=correction,
                entropies=entropies,
            )
        )
        return loss

    def _value_loss(self, value: TrainedModel, batch: TokenBatch, targets: TokenTargets) -> torch.Tensor:
        """The sum over rollouts of half the squared error."""
        assert targets.returns is not None
        assert targets.values is not None
        with self.precision(), value.recomputing():
            values = value.model(batch)
        losses = clipped_value_loss(values, targets.values, targets.returns, None)
        return weighted_sum(losses, token_weights(targets.mask, "sequence"))

    def _backward(self, name: str, loss: torch.Tensor) -> float:
        """Add the gradients of a part of a minibatch's loss. Returns the part."""
        self._guards[name].add_loss(loss)
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
        return float(loss.detach())


@dataclass
class UpdateFigures:
    """What an update's optimiser steps add up to."""

    steps: int = 0
    policy_loss: float = 0.0
    value_loss: float = 0.0
    gradient_norm: float = 0.0  # of the policy
    statistics: PolicyStatistics | None = None

    def add(self, statistics: PolicyStatistics) -> None:
        """Add those of one forward pass."""
        self.statistics = statistics if self.statistics is None else self.statistics + statistics

    def __add__(self, other: UpdateFigures) -> UpdateFigures:
        """Both together; their steps are added, too."""
        both = UpdateFigures(
            self.steps + other.steps,
            self.policy_loss + other.policy_loss,
            self.value_loss + other.value_loss,
            self.gradient_norm + other.gradient_norm,
        )
        for statistics in (self.statistics, other.statistics):
            if statistics is not None:
                both.add(statistics)
        return both

    def means(self, ranks: int = 1) -> dict[str, float]:
        """Losses and the norm of the policy's gradient per step, and the statistics per token.

        The figures of ``ranks`` processes were added, which make the same steps. Each has a part of the losses, and the
        whole norm.
        """
        steps = max(1, self.steps)
        sums = {"policy_loss": ranks * self.policy_loss, "value_loss": ranks * self.value_loss}
        per_step = {name: value / steps for name, value in {**sums, "gradient_norm": self.gradient_norm}.items()}
        return {**per_step, **(self.statistics.means() if self.statistics is not None else {})}
