"""Policy and value losses: numbers worked out by hand, and the peers' own."""

from __future__ import annotations

from math import exp, log

import pytest
import torch
from tests.training.rl_goldens import assert_close, given, golden

from prlcoder.training.losses.averaging import share_of_step_loss
from prlcoder.training.losses.policy_gradient import (
    LossAverage,
    clipped_policy_loss,
    correction_weights,
    kl_penalty,
    loss_denominator,
    policy_statistics,
    token_entropies,
    token_logps,
    token_weights,
    weighted_sum,
)
from prlcoder.training.losses.value import clipped_value_loss, explained_variance

pytestmark = pytest.mark.needs_torch

AVERAGES: tuple[LossAverage, ...] = ("sequence", "token")


def row(*values: float) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float64)


def logs(*values: float) -> torch.Tensor:
    return row(*map(log, values))


def mean_loss(losses: torch.Tensor, mask: torch.Tensor, average: LossAverage) -> torch.Tensor:
    return weighted_sum(losses, token_weights(mask, average)) / loss_denominator(mask, average)


def test_the_loss_is_clipped_only_where_clipping_makes_it_larger() -> None:
    # ratios 1.5, 1.5, 0.5, 0.5 and 1.1 with clip 0.2
    losses = clipped_policy_loss(logs(1.5, 1.5, 0.5, 0.5, 1.1), row(0, 0, 0, 0, 0), row(1, -1, 1, -1, 1), clip=0.2)
    assert_close(losses, row(-1.2, 1.5, -0.5, 0.8, -1.1))


def test_a_clipped_token_has_no_gradient() -> None:
    logps = logs(1.5, 1.1).requires_grad_()
    clipped_policy_loss(logps, row(0, 0), row(1, 1), clip=0.2).sum().backward()
    assert logps.grad is not None
    assert_close(logps.grad, row(0, -1.1))


def test_before_the_first_step_the_gradient_is_that_of_the_policy_gradient() -> None:
    (old, advantages) = given("old_logps", "advantages")
    logps = old.clone().requires_grad_()
    clipped_policy_loss(logps, old, advantages, clip=0.2).sum().backward()
    assert logps.grad is not None
    assert_close(logps.grad, -advantages)


def test_log_probabilities_are_those_of_the_sampling_temperature() -> None:
    logits = torch.tensor([[[0.0, log(4.0)]]], dtype=torch.float64)
    assert_close(token_logps(logits, torch.tensor([[1]]), 1.0), logs(4 / 5))
    assert_close(token_logps(logits, torch.tensor([[1]]), 0.5), logs(16 / 17))


def test_a_wrong_temperature_is_caught() -> None:
    """The engine drew at 0.6. Only with this temperature does the trainer find the engine's probabilities again."""
    torch.manual_seed(0)
    logits = torch.randn(3, 5, 11, dtype=torch.float64)
    ids = torch.randint(0, 11, (3, 5))
    sampling = torch.log_softmax(logits / 0.6, -1).gather(-1, ids[..., None])[..., 0]
    mask = torch.ones(3, 5)
    for temperature, agrees in ((0.6, True), (1.0, False), (1 / 0.6, False)):
        old = token_logps(logits, ids, temperature)
        found = policy_statistics(old, old, sampling, torch.ones(3, 5), mask, clip=0.2).means()
        assert (found["mean_abs_dlogp"] < 1e-12) == agrees
        weights = correction_weights(old, sampling, mask, "token-truncate", 2.0)
        assert torch.allclose(weights, torch.ones_like(weights)) == agrees


def test_entropy_of_equal_tokens_is_the_logarithm_of_their_number() -> None:
    assert_close(token_entropies(torch.zeros(1, 2, 8), 0.7), torch.full((1, 2), log(8.0), dtype=torch.float64))


def test_divergences_by_hand() -> None:
    logps, ref = row(log(0.5)), row(log(0.25))
    assert_close(kl_penalty(logps, ref, "k1"), row(log(2)))
    assert_close(kl_penalty(logps, ref, "k2"), row(log(2) ** 2 / 2))
    assert_close(kl_penalty(logps, ref, "k3"), row(0.5 - 1 + log(2)))


def test_k3_is_bounded_where_the_policy_has_forgotten_a_token() -> None:
    found = kl_penalty(row(-100.0, -1.0), row(-1.0, -100.0), "k3")
    assert_close(found, row(10.0, 10.0))


def test_a_token_is_corrected_by_its_ratio_up_to_the_cap() -> None:
    weights = correction_weights(logs(0.5, 0.9, 0.2), logs(0.4, 0.1, 0.4), row(1, 1, 1), "token-truncate", 2.0)
    assert_close(weights, row(1.25, 2.0, 0.5))


def test_a_sequence_above_the_cap_is_left_out() -> None:
    old = torch.cat([logs(0.8, 0.5), logs(0.8, 0.8)])
    sampling = torch.cat([logs(0.4, 0.25), logs(0.4, 0.8)])
    weights = correction_weights(old, sampling, torch.ones(2, 2), "sequence-mask", 3.0)
    assert_close(weights, torch.tensor([[0.0, 0.0], [2.0, 2.0]], dtype=torch.float64))


def test_a_masked_token_does_not_count_in_a_sequences_ratio() -> None:
    weights = correction_weights(logs(0.8, 0.9), logs(0.4, 1e-9), row(1, 0), "sequence-mask", 3.0)
    assert_close(weights, row(2.0, 0.0))


def test_without_correction_every_trained_token_counts_once() -> None:
    assert_close(correction_weights(logs(0.8, 0.9), logs(0.4, 0.1), row(1, 0), "none", 2.0), row(1.0, 0.0))


def test_a_swapped_mask_is_caught() -> None:
    losses, mask = row(1.0, 2.0, float("inf")), row(1, 1, 0)
    assert mean_loss(losses, mask, "token") == 1.5
    assert mean_loss(losses, 1 - mask, "token") == float("inf")


def test_both_averages_by_hand() -> None:
    losses = torch.tensor([[1.0, 3.0], [5.0, 100.0], [7.0, 7.0]])
    mask = torch.tensor([[1, 1], [1, 0], [0, 0]])
    assert mean_loss(losses, mask, "sequence") == pytest.approx((2 + 5) / 2)
    assert mean_loss(losses, mask, "token") == pytest.approx((1 + 3 + 5) / 3)


@pytest.mark.parametrize("average", AVERAGES)
def test_the_loss_of_a_step_does_not_depend_on_its_micro_batches(average: LossAverage) -> None:
    losses, mask = given("advantages", "mask")
    whole = loss_denominator(mask, average)
    parts = [
        share_of_step_loss(weighted_sum(losses[a:b], token_weights(mask[a:b], average)), whole, ranks=1)
        for a, b in ((0, 1), (1, 4))
    ]
    assert_close(torch.stack(parts).sum(), mean_loss(losses, mask, average).double())


def test_statistics_by_hand() -> None:
    weights = row(2.0, 1.0, 0.0)
    old = logs(0.5, 0.5, 0.5)
    found = policy_statistics(
        logs(0.75, 0.5, 0.1), old, logs(0.25, 0.5, 0.9), row(1, 1, 1), row(1, 1, 0), clip=0.2, weights=weights
    )
    means = found.means()
    assert means["clip_fraction"] == 0.5  # ratios 1.5 and 1
    assert means["mean_abs_dlogp"] == pytest.approx(log(2) / 2)
    assert means["kl_k3"] == pytest.approx((1.5 - 1 - log(1.5)) / 2)
    assert means["effective_sample_share"] == pytest.approx(9 / 5 / 2)
    assert means["entropy"] == pytest.approx(-(log(0.75) + log(0.5)) / 2)
    assert (found + found).means() == pytest.approx({**means, "effective_sample_share": 9 / 5 / 2})


def test_the_value_loss_by_hand() -> None:
    # errors 1 and 4; the second value may move by 0.5 from the old one, which is 3.5 away from the return
    assert_close(clipped_value_loss(row(1, 2), row(1, 0), row(2, 4), clip=0.5), row(0.5, 0.5 * 3.5**2))
    assert_close(clipped_value_loss(row(1, 2), row(1, 0), row(2, 4), clip=None), row(0.5, 2.0))


def test_explained_variance_by_hand() -> None:
    returns, mask = row(1, 3, 100), row(1, 1, 0)
    assert explained_variance(returns, returns, mask) == 1.0
    assert explained_variance(row(2, 2, 0), returns, mask) == 0.0
    assert explained_variance(row(1, 2, 0), returns, mask) == 0.75
    assert explained_variance(row(1, 2), row(5, 5), row(1, 1)) != explained_variance(row(1, 2), row(5, 5), row(1, 1))


@pytest.mark.parametrize("average", AVERAGES)
def test_verls_policy_loss(average: LossAverage) -> None:
    logps, old, sampling, advantages, mask = given("logps", "old_logps", "sampling_logps", "advantages", "mask")
    weights = correction_weights(old, sampling, mask, "token-truncate", 2.0)
    assert_close(weights, golden("verl", "token_truncate"))
    losses = clipped_policy_loss(logps, old, advantages, 0.2) * weights
    assert_close(mean_loss(losses, mask, average), golden("verl", f"policy_loss_{average}"))
    found = policy_statistics(logps, old, sampling, advantages, mask, clip=0.2)
    assert_close(found.means()["clip_fraction"], golden("verl", "clip_fraction"))


@pytest.mark.parametrize("average", AVERAGES)
def test_verls_value_loss(average: LossAverage) -> None:
    values, old, returns, mask = given("values", "old_values", "returns", "mask")
    losses = clipped_value_loss(values, old, returns, 0.2)
    assert_close(mean_loss(losses, mask, average), golden("verl", f"value_loss_{average}"))


@pytest.mark.parametrize("estimator", ["k1", "k2", "k3"])
def test_verls_divergences(estimator: str) -> None:
    logps, ref = given("logps", "ref_logps")
    assert_close(kl_penalty(logps, ref, estimator), golden("verl", estimator))  # type: ignore[arg-type]


def test_ratios_that_overflow_stay_finite() -> None:
    losses = clipped_policy_loss(row(0.0), row(-1000.0), row(-1.0), clip=0.2)
    assert losses.item() == pytest.approx(exp(20))
