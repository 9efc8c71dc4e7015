"""Losses of policy-gradient algorithms as pure functions of log-probabilities, and what is logged about them.

Shapes: ``B`` rollouts, ``T`` completion tokens, padded at the end. ``logps`` ``(B, T)`` holds the log-probability of
each sampled token. Three kinds are told apart:

- ``sampling_logps``: the engine's, when it sampled the token;
- ``old_logps``: the trainer's with the weights before the update;
- ``logps``: the trainer's with the present weights, through which the gradient flows.

All three are at the sampling temperature. ``mask`` ``(B, T)`` is 1 (or True) at tokens that are trained. A loss has one
value per token; ``token_weights`` and ``losses/averaging.py`` turn it into the loss of an optimiser step.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import torch

Estimator = Literal["k1", "k2", "k3"]
Correction = Literal["token-truncate", "sequence-mask", "none"]
LossAverage = Literal["sequence", "token"]

MAX_LOG_RATIO: Final = 20.0  # exp(20) is 5e8; a larger ratio carries no information and overflows half precision
MAX_KL: Final = 10.0  # of one token, with k3
CORRECTION_CAPS: Final = {"token-truncate": 2.0, "sequence-mask": 3.0}


def token_logps(logits: torch.Tensor, ids: torch.Tensor, temperature: float) -> torch.Tensor:
    """Log-probability of each token at the sampling temperature, ``(B, T)``, at least in float32.

    ``logits`` ``(B, T, V)`` predict ``ids`` ``(B, T)``. The tokens were drawn from ``softmax(logits / temperature)``;
    without the temperature every ratio to the engine's log-probabilities would be wrong.
    """
    scores = (logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits) / temperature
    return scores.gather(-1, ids[..., None])[..., 0] - scores.logsumexp(-1)


def token_entropies(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """Entropy in nats of the distribution that each token was drawn from, ``(B, T)``. ``logits`` ``(B, T, V)``."""
    logps = torch.log_softmax(logits.float() / temperature, dim=-1)
    return -(logps.exp() * logps).sum(-1)


def clipped_policy_loss(
    logps: torch.Tensor, old_logps: torch.Tensor, advantages: torch.Tensor, clip: float
) -> torch.Tensor:
    """PPO's loss per token, ``(B, T)``: ``-min(ratio A, clip(ratio, 1 - clip, 1 + clip) A)`` with ``ratio = exp(logps -
    old_logps)``; `PPO, eq. 7 <https://arxiv.org/abs/1707.06347>`_, the paper's Algorithm 1, line 8."""
    ratio = _log_ratio(logps, old_logps).exp()
    return torch.maximum(-advantages * ratio, -advantages * ratio.clamp(1 - clip, 1 + clip))


def kl_penalty(logps: torch.Tensor, ref_logps: torch.Tensor, estimator: Estimator) -> torch.Tensor:
    """An estimate per token of the divergence from the reference policy, ``(B, T)``
    (`Schulman <http://joschu.net/blog/kl-approx.html>`_).

    With ``d = logps - ref_logps``: ``k1`` is ``d``, the paper's term in the reward (eq. 3); ``k2`` is ``d^2 / 2``;
    ``k3`` is ``exp(-d) - 1 + d``, which is never negative. In ``k3``, ``d`` is clamped to ``MAX_LOG_RATIO`` and the
    result to ``MAX_KL``: one token that the policy has nearly forgotten would otherwise outweigh the batch.
    """
    difference = logps - ref_logps
    if estimator == "k1":
        return difference
    if estimator == "k2":
        return 0.5 * difference.square()
    negative = -difference.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)
    return (negative.exp() - 1 - negative).clamp(max=MAX_KL)


@torch.no_grad()
def correction_weights(
    old_logps: torch.Tensor, sampling_logps: torch.Tensor, mask: torch.Tensor, kind: Correction, cap: float
) -> torch.Tensor:
    """The factor of each token's loss that corrects for the engine's probabilities, ``(B, T)``, 0 at masked tokens.

    The tokens came from the engine, whose kernels and weights may differ from the trainer's.

    - ``token-truncate``: ``min(exp(old - sampling), cap)`` per token.
    - ``sequence-mask``: the product of a rollout's ratios at each of its tokens, and 0 if it lies above ``cap``.
    - ``none``: 1.
    """
    counted = mask.to(old_logps.dtype)
    if kind == "none":
        return counted
    difference = torch.where(counted > 0, old_logps - sampling_logps, torch.zeros_like(old_logps))
    if kind == "token-truncate":
        return difference.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).exp().clamp(max=cap) * counted
    ratio = difference.sum(1, keepdim=True).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).exp()
    return torch.where(ratio > cap, torch.zeros_like(ratio), ratio) * counted


def token_weights(mask: torch.Tensor, average: LossAverage) -> torch.Tensor:
    """The weight of each token's loss before the division by the denominator, ``(B, T)``.

    ``sequence``: ``1 / trained tokens of its rollout``, so that the loss is a mean over rollouts of means over tokens
    (the paper's Algorithm 1, line 8); the denominator is the number of rollouts. ``token``: 1; the denominator is the
    number of trained tokens. Both denominators are taken over the whole optimiser step (``losses/averaging.py``).
    """
    counted = mask.to(torch.float32)
    return counted if average == "token" else counted / counted.sum(1, keepdim=True).clamp(min=1)


def loss_denominator(mask: torch.Tensor, average: LossAverage) -> torch.Tensor:
    """This batch's part of the denominator that belongs to ``token_weights``, a scalar: its number of rollouts with a
    trained token, or of trained tokens. The parts of all micro-batches and ranks are added."""
    tokens = mask.to(torch.float32).sum(1)
    return tokens.sum() if average == "token" else (tokens > 0).sum()


def weighted_sum(losses: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The sum of ``weights * losses``, a scalar. A token of weight 0 has no effect, even if its loss is not finite."""
    return (weights * torch.where(weights > 0, losses, torch.zeros_like(losses))).sum()


class PolicyStatistics(NamedTuple):
    """What is logged about an update. Sums over trained tokens, so that batches and ranks can be added.

    ``effective_samples`` is ``(sum w)^2 / sum w^2`` of the correction's weights; its share of ``tokens`` is 1 where
    engine and trainer agree.
    """

    tokens: float
    clipped: float  # tokens whose ratio the loss has clipped
    absolute_logp_difference: float  # |old_logps - sampling_logps|
    kl_k3: float  # of the present policy from the old one
    weight_sum: float
    weight_square_sum: float
    entropy: float

    def __add__(self, other: object) -> PolicyStatistics:
        """The statistics of both batches together."""
        assert isinstance(other, PolicyStatistics)
        return PolicyStatistics(*(a + b for a, b in zip(tuple(self), tuple(other), strict=True)))

    def means(self) -> dict[str, float]:
        """The figures per token: clip fraction, mean |dlogp|, KL k3, entropy, and the share of effective samples."""
        tokens = max(self.tokens, 1.0)
        effective = self.weight_sum**2 / self.weight_square_sum if self.weight_square_sum else 0.0
        return {
            "clip_fraction": self.clipped / tokens,
            "mean_abs_dlogp": self.absolute_logp_difference / tokens,
            "kl_k3": self.kl_k3 / tokens,
            "effective_sample_share": effective / tokens,
            "entropy": self.entropy / tokens,
        }


@torch.no_grad()
def policy_statistics(
    logps: torch.Tensor,
    old_logps: torch.Tensor,
    sampling_logps: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    *,
    clip: float,
    weights: torch.Tensor | None = None,
    entropies: torch.Tensor | None = None,
) -> PolicyStatistics:
    """The statistics of one batch.

    ``weights`` ``(B, T)`` are the correction's, 1 by default. ``entropies`` ``(B, T)`` are those of
    ``token_entropies``; without them ``-logps`` stands in, an estimate from the sampled tokens.
    """
    counted = mask.to(logps.dtype)

    def total(values: torch.Tensor) -> float:
        return float(weighted_sum(values, counted))

    ratio = _log_ratio(logps, old_logps).exp()
    clipped = torch.where(advantages > 0, ratio > 1 + clip, ratio < 1 - clip) & (advantages != 0)
    used = counted if weights is None else weights
    return PolicyStatistics(
        tokens=float(counted.sum()),
        clipped=total(clipped.to(logps.dtype)),
        absolute_logp_difference=total((old_logps - sampling_logps).abs()),
        kl_k3=total(kl_penalty(old_logps, logps, "k3")),
        weight_sum=total(used),
        weight_square_sum=total(used.square()),
        entropy=total(-logps if entropies is None else entropies),
    )


def _log_ratio(logps: torch.Tensor, old_logps: torch.Tensor) -> torch.Tensor:
    return (logps - old_logps).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)
