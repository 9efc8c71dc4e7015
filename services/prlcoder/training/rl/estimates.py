"""From rewards per token to what the models learn: advantages, returns, and the figures that describe them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from prlcoder.spec import Rl, RlValue
from prlcoder.training.advantages import gae, grpo, rloo, rloo_per_token, whiten
from prlcoder.training.losses.policy_gradient import kl_penalty
from prlcoder.training.losses.value import explained_variance
from prlcoder.training.rl.learner import TokenTargets
from prlcoder.training.rl.token_batch import completion_mask, token_rows
from prlcoder.training.rollouts import Rollout


@dataclass(frozen=True)
class TokenSignals:
    """What is known of each completion token before the update, ``(B, T)`` each; ``groups`` is ``(B,)``."""

    mask: torch.Tensor
    rewards: torch.Tensor
    sampling_logps: torch.Tensor
    old_logps: torch.Tensor
    reference_logps: torch.Tensor | None
    values: torch.Tensor | None
    groups: torch.Tensor

    @classmethod
    def of(
        cls,
        rollouts: Sequence[Rollout],
        rewards: Sequence[Sequence[float]],
        old_logps: torch.Tensor,
        reference_logps: torch.Tensor | None,
        values: torch.Tensor | None,
        *,
        executed: bool = False,
    ) -> TokenSignals:
        """On the device of ``old_logps``. With ``executed``, only executed lines are trained on."""
        device = old_logps.device
        return cls(
            completion_mask(rollouts, executed=executed).to(device),
            token_rows(rewards).to(device),
            token_rows([one.sampling_logps for one in rollouts]).to(device),
            old_logps,
            reference_logps,
            values,
            torch.tensor([one.group for one in rollouts], device=device),
        )


def estimated(signals: TokenSignals, algorithm: str, rl: Rl) -> tuple[TokenTargets, dict[str, float]]:
    """The targets of an update, and figures for the log."""
    rewards, figures = with_divergence(signals, rl)
    returns = None
    if signals.values is None:
        advantages = _compared(rewards, signals, algorithm, rl)
    else:
        advantages, _ = gae(rewards, signals.values, signals.mask, rl.gamma, rl.lambda_)
        advantages = whiten(advantages, signals.mask)
        target_lambda = (rl.value or RlValue()).lambda_
        _, returns = gae(rewards, signals.values, signals.mask, rl.gamma, target_lambda)
        if bool(signals.mask.any()):
            figures["explained_variance"] = explained_variance(signals.values, returns, signals.mask)
    targets = TokenTargets(
        mask=signals.mask,
        sampling_logps=signals.sampling_logps,
        old_logps=signals.old_logps,
        advantages=advantages,
        reference_logps=signals.reference_logps,
        returns=returns,
        values=signals.values,
    )
    return targets, figures


def with_divergence(signals: TokenSignals, rl: Rl) -> tuple[torch.Tensor, dict[str, float]]:
    """The rewards with the penalty of the divergence if it belongs there (paper, eq. 3), and the mean divergence."""
    if signals.reference_logps is None:
        return signals.rewards, {}
    k1 = kl_penalty(signals.old_logps, signals.reference_logps, "k1")
    figures = {"kl": float(k1[signals.mask].mean())} if bool(signals.mask.any()) else {}
    if rl.kl.in_ == "loss":
        return signals.rewards, figures
    penalty = rl.kl.coefficient * kl_penalty(signals.old_logps, signals.reference_logps, rl.kl.estimator)
    return signals.rewards - penalty, figures


def _compared(rewards: torch.Tensor, signals: TokenSignals, algorithm: str, rl: Rl) -> torch.Tensor:
    """Advantages from the other programs of the same problem, ``(B, T)``.

    ``grpo`` gives all tokens of a program the same one. So does ``rloo`` if the whole reward is that of the program.
    """
    if algorithm == "rloo" and rl.credit.rule not in ("outcome", "filter"):
        return rloo_per_token(rewards, signals.mask, signals.groups, rl.gamma)
    totals = (rewards * signals.mask).sum(1)
    of_program = rloo(totals, signals.groups) if algorithm == "rloo" else grpo(totals, signals.groups)
    return of_program[:, None] * signals.mask
