"""Advantages: numbers worked out by hand, and the peers' own."""

from __future__ import annotations

import pytest
import torch
from tests.training.rl_goldens import assert_close, given, golden

from prlcoder.training.advantages import (
    gae,
    groups_without_variance,
    grpo,
    returns_to_go,
    rloo,
    rloo_per_token,
    whiten,
)

pytestmark = pytest.mark.needs_torch

GROUPS = torch.tensor([0, 0, 1, 1])


def row(*values: float) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float64)


def test_generalised_advantages_by_hand() -> None:
    # delta = 1 + 0.5 * 2 - 1, 0 + 0.5 * 0 - 2, with A_1 = -2 and A_0 = 1 + 0.5 * 0.8 * -2
    advantages, returns = gae(row(1, 0), row(1, 2), row(1, 1), gamma=0.5, lam=0.8)
    assert_close(advantages, row(0.2, -2.0))
    assert_close(returns, row(1.2, 0.0))


def test_with_gamma_and_lambda_one_the_advantage_is_the_return_minus_the_value() -> None:
    rewards, values, mask = given("rewards", "values", "mask")
    advantages, returns = gae(rewards, values, mask, 1.0, 1.0)
    to_go = returns_to_go(rewards, mask)
    assert_close(advantages, (to_go - values) * mask)
    assert_close(returns, to_go)


def test_a_masked_token_is_left_out_and_its_contents_have_no_effect() -> None:
    whole, _ = gae(row(1, 2), row(0.5, 0.25), row(1, 1), 0.9, 0.7)
    holed, _ = gae(row(1, float("inf"), 2), row(0.5, float("nan"), 0.25), row(1, 0, 1), 0.9, 0.7)
    assert_close(holed[:, [0, 2]], whole)
    assert holed[0, 1] == 0


def test_a_reward_at_the_wrong_position_is_caught() -> None:
    """A reward belongs to the token that earns it: later tokens must not see it, and earlier ones must."""
    for position in range(4):
        rewards = torch.zeros(1, 4, dtype=torch.float64)
        rewards[0, position] = 1.0
        to_go = returns_to_go(rewards, torch.ones(1, 4))
        assert_close(to_go, row(*[1.0] * (position + 1), *[0.0] * (3 - position)))


def test_a_swapped_mask_is_caught() -> None:
    rewards, values, mask = given("rewards", "values", "mask")
    right, swapped = gae(rewards, values, mask, 0.9, 0.8)[0], gae(rewards, values, 1 - mask, 0.9, 0.8)[0]
    assert (right[mask == 0] == 0).all()
    assert (right[mask == 1] != 0).all()
    assert (swapped[mask == 1] == 0).all()


def test_a_finished_rollout_ends_with_the_value_zero_and_a_cut_one_does_not() -> None:
    ended, _ = gae(row(0, 0), row(1, 1), row(1, 1), 1.0, 1.0)
    cut, _ = gae(row(0, 0), row(1, 1), row(1, 1), 1.0, 1.0, last_values=torch.tensor([3.0]))
    assert_close(ended, row(-1, -1))
    assert_close(cut, row(2, 2))


def test_leaving_one_out_by_hand() -> None:
    rewards = torch.tensor([1.0, 0.0, 0.5, 4.0, -1.0], dtype=torch.float64)
    found = rloo(rewards, torch.tensor([3, 3, 3, 9, 9]))
    assert_close(found, torch.tensor([0.75, -0.75, 0.0, 5.0, -5.0], dtype=torch.float64))
    assert_close(rloo(rewards[:2], torch.tensor([0, 1])), torch.zeros(2, dtype=torch.float64))


def test_leaving_one_out_per_token_by_hand() -> None:
    # The other's mean per token is 3 / 3 for the first rollout and 4 / 2 for the second.
    rewards = torch.tensor([[1.0, 3.0, 9.0], [0.0, 0.0, 3.0]], dtype=torch.float64)
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]])
    found = rloo_per_token(rewards, mask, torch.tensor([0, 0]))
    assert_close(found, torch.tensor([[2.0, 2.0, 0.0], [-3.0, -1.0, 1.0]], dtype=torch.float64))
    alone = rloo_per_token(rewards, mask, torch.tensor([0, 1]))
    assert (alone == 0).all()


def test_rewards_at_the_last_token_alone_give_both_kinds_of_leaving_one_out_the_same_sign() -> None:
    rewards = torch.tensor([[0.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    per_token = rloo_per_token(rewards, torch.ones(2, 2), torch.tensor([0, 0]))
    assert_close(per_token[:, 0], rloo(rewards.sum(1), torch.tensor([0, 0])))


def test_groups_are_normalised_by_hand() -> None:
    found = grpo(torch.tensor([1.0, 3.0, 7.0], dtype=torch.float64), torch.tensor([0, 0, 1]))
    assert_close(found, torch.tensor([-(2**-0.5), 2**-0.5, 0.0], dtype=torch.float64) / (1 + 1e-6 / 2**0.5))


def test_groups_without_variance_are_found() -> None:
    rewards = torch.tensor([1.0, 1.0, 0.5, 0.4, -2.0])
    assert groups_without_variance(rewards, torch.tensor([5, 5, 2, 2, 7])).tolist() == [True, True, False, False, True]


def test_whitening_by_hand() -> None:
    found = whiten(row(1, 3, 100), row(1, 1, 0))
    assert_close(found, row(-(2**-0.5), 2**-0.5, 0))
    assert_close(whiten(row(5, 1), row(1, 0)), row(0, 0))


def test_verls_generalised_advantages_and_returns() -> None:
    rewards, values, mask = given("rewards", "values", "mask")
    advantages, returns = gae(rewards, values, mask, 0.9, 0.8)
    assert_close(whiten(advantages, mask), golden("verl", "gae_whitened") * mask)
    assert_close(returns, golden("verl", "gae_returns") * mask)


def test_verls_whitening() -> None:
    rewards, mask = given("rewards", "mask")
    assert_close(whiten(rewards, mask), golden("verl", "whiten") * mask)


@pytest.mark.parametrize("peer", ["verl", "trl"])
def test_the_peers_leave_one_out(peer: str) -> None:
    rewards, mask = given("rewards", "mask")
    assert_close(rloo((rewards * mask).sum(1), GROUPS), golden(peer, "rloo"))


def test_verls_normalised_groups() -> None:
    rewards, mask = given("rewards", "mask")
    assert_close(grpo((rewards * mask).sum(1), GROUPS), golden("verl", "grpo"))
