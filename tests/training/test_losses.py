"""Losses and weights against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from prlcoder.training.losses.averaging import loss_denominator_ids, pair_weights, share_of_step_loss
from prlcoder.training.losses.log_probabilities import span_sums, token_logps
from prlcoder.training.losses.preference import dpo_loss, reward_margins

pytestmark = pytest.mark.needs_torch


def test_the_log_probability_of_a_span_is_the_sum_over_its_tokens() -> None:
    # Two tokens in the vocabulary; odds 3:1, 1:1, 1:3 for token 0 at three places.
    logits = torch.tensor([[[math.log(3), 0.0], [0.0, 0.0], [0.0, math.log(3)]]])
    targets = torch.tensor([[0, 1, 1]])
    found = span_sums(token_logps(logits, targets), torch.tensor([[1, -1, 1]]), 3)
    assert found.tolist() == pytest.approx([0.0, 2 * math.log(3 / 4), 0.0])
    first, second, _ = span_sums(token_logps(logits, targets), torch.tensor([[0, 0, 1]]), 3).tolist()
    assert (first, second) == pytest.approx((math.log(3 / 4) + math.log(1 / 2), math.log(3 / 4)))


def test_dpo_by_hand() -> None:
    values = [torch.tensor([value]) for value in (-1.0, -4.0, -2.0, -3.0)]
    margins = reward_margins(*values, beta=0.5)
    assert margins.tolist() == [1.0]  # 0.5 * ((-1 + 2) - (-4 + 3))
    assert dpo_loss(margins).item() == pytest.approx(math.log(1 + math.exp(-1.0)))
    assert dpo_loss(torch.zeros(1)).item() == pytest.approx(math.log(2))


def test_a_program_shares_one_weight_among_its_pairs() -> None:
    programs = ["a", "b", "a", "a", "c"]
    assert pair_weights(programs, "program") == [1 / 3, 1.0, 1 / 3, 1 / 3, 1.0]
    assert loss_denominator_ids(programs, "program") == [0, 1, 0, 0, 2]
    assert pair_weights(programs, "pair") == [1.0] * 5
    assert loss_denominator_ids(programs, "pair") == [0, 1, 2, 3, 4]


def test_shares_of_two_micro_batches_add_up_to_the_mean_over_the_step() -> None:
    # Losses 1 and 2 in one micro-batch, 6 in another; three programs: (1 + 2 + 6) / 3.
    parts = [share_of_step_loss(torch.tensor(total), 3, 1) for total in (3.0, 6.0)]
    assert sum(parts).item() == 3.0
    # The same on two ranks, whose gradients are averaged.
    assert sum(share_of_step_loss(torch.tensor(total), 3, 2) for total in (3.0, 6.0)).item() / 2 == 3.0
