"""Advantages: how much better a token, or a program, was than expected. Pure functions of tensors.

Shapes: ``B`` rollouts, ``T`` completion tokens, padded at the end. ``mask`` ``(B, T)`` is 1 (or True) at tokens that
count and 0 elsewhere; what stands at a masked token has no effect. ``groups`` ``(B,)`` holds the number of each
rollout's group: the rollouts of one problem in one update. Every result is detached from the graph.
"""

from __future__ import annotations

import torch

VARIANCE_FLOOR = 1e-8  # added before the square root, so that equal values divide by no zero
STD_FLOOR = 1e-6
SAME_REWARD = 1e-6  # a group whose rewards differ by no more than this teaches nothing


@torch.no_grad()
def gae(
    rewards: torch.Tensor,
    values: torch.Tensor,
    mask: torch.Tensor,
    gamma: float,
    lam: float,
    last_values: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Generalised advantages and returns, ``(B, T)`` each, 0 at masked tokens: `GAE, eq. 16
    <https://arxiv.org/abs/1506.02438>`_.

    ``delta_t = r_t + gamma V_{t+1} - V_t`` and ``A_t = delta_t + gamma lam A_{t+1}``; the return is ``A_t + V_t``. A
    masked token is left out, as if the token after it followed the one before it. After the last token the value is 0,
    because the program has ended; ``last_values`` ``(B,)`` says otherwise for rollouts that were cut.

    With ``gamma = lam = 1`` the advantage is the sum of the rewards from ``t`` on, minus ``V_t``. The paper prints that
    sum from ``t + 1`` on, which would leave out the token's own reward.
    """
    counted = mask.to(rewards.dtype)
    next_values = torch.zeros_like(values[:, 0]) if last_values is None else last_values.to(values.dtype)
    later = torch.zeros_like(rewards[:, 0])
    columns = []
    for t in reversed(range(rewards.shape[1])):
        here = counted[:, t] > 0
        delta = rewards[:, t] + gamma * next_values - values[:, t]
        later = torch.where(here, delta + gamma * lam * later, later)
        next_values = torch.where(here, values[:, t], next_values)
        columns.append(torch.where(here, later, torch.zeros_like(later)))
    advantages = torch.stack(columns[::-1], dim=1)
    return advantages, torch.where(counted > 0, advantages + values, torch.zeros_like(values))


@torch.no_grad()
def returns_to_go(rewards: torch.Tensor, mask: torch.Tensor, gamma: float = 1.0) -> torch.Tensor:
    """The discounted sum of the rewards from each token on, ``(B, T)``, 0 at masked tokens."""
    return gae(rewards, torch.zeros_like(rewards), mask, gamma, 1.0)[0]


@torch.no_grad()
def rloo(rewards: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
    """Each rollout's reward minus the mean of the others in its group, ``(B,)``: `RLOO
    <https://arxiv.org/abs/2402.14740>`_. ``rewards`` ``(B,)``. A rollout without others gets 0."""
    sums, counts = _group_sums(rewards, groups), _group_sums(torch.ones_like(rewards), groups)
    others = (sums - rewards) / (counts - 1).clamp(min=1)
    return torch.where(counts > 1, rewards - others, torch.zeros_like(rewards))


@torch.no_grad()
def rloo_per_token(rewards: torch.Tensor, mask: torch.Tensor, groups: torch.Tensor, gamma: float = 1.0) -> torch.Tensor:
    """Leave-one-out advantages of rewards per token, ``(B, T)``, 0 at masked tokens.

    The baseline is the others' mean reward per token, subtracted at every token, and the advantage is the sum from
    there on (as in `PURE <https://arxiv.org/abs/2504.15275>`_). A baseline per step would favour few long steps.
    ``rewards`` ``(B, T)``. A rollout without others gets 0.
    """
    counted = mask.to(rewards.dtype)
    own_sum, own_tokens = (rewards * counted).sum(1), counted.sum(1)
    others_sum = _group_sums(own_sum, groups) - own_sum
    others_tokens = _group_sums(own_tokens, groups) - own_tokens
    baseline = others_sum / others_tokens.clamp(min=1)
    alone = _group_sums(torch.ones_like(own_sum), groups) < 2
    advantages = returns_to_go(rewards - baseline[:, None], mask, gamma)
    return advantages.masked_fill(alone[:, None], 0.0)


@torch.no_grad()
def grpo(rewards: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
    """Each rollout's reward, normalised to mean 0 and standard deviation 1 within its group, ``(B,)``: `GRPO
    <https://arxiv.org/abs/2402.03300>`_. ``rewards`` ``(B,)``. The deviation is the unbiased one. A rollout
    without others gets 0."""
    counts = _group_sums(torch.ones_like(rewards), groups)
    centred = rewards - _group_sums(rewards, groups) / counts
    variance = _group_sums(centred.square(), groups) / (counts - 1).clamp(min=1)
    return torch.where(counts > 1, centred / (variance.sqrt() + STD_FLOOR), torch.zeros_like(rewards))


@torch.no_grad()
def whiten(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """``values`` with mean 0 and variance 1 over the tokens that count, 0 at masked tokens; same shape.

    The variance is the unbiased one. A single token has no variance and becomes 0.
    """
    counted = mask.to(values.dtype)
    tokens = counted.sum()
    centred = torch.where(counted > 0, values - (values * counted).sum() / tokens.clamp(min=1), 0.0)
    variance = centred.square().sum() / (tokens - 1).clamp(min=1)
    return centred * torch.rsqrt(variance + VARIANCE_FLOOR)


@torch.no_grad()
def groups_without_variance(rewards: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
    """Whether each rollout's group has equal rewards, ``(B,)`` bool. Such a group, or a rollout alone, has no advantage
    and is dropped and counted."""
    differences = (rewards[:, None] - rewards[None, :]).abs()
    return torch.where(_same_group(groups), differences, torch.zeros_like(differences)).amax(1) <= SAME_REWARD


def _group_sums(values: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
    """The sum over each rollout's group, ``(B,)``."""
    return torch.where(_same_group(groups), values, torch.zeros_like(values)).sum(1)


def _same_group(groups: torch.Tensor) -> torch.Tensor:
    """Whether two rollouts are of one group, ``(B, B)``."""
    return groups[:, None] == groups[None, :]
