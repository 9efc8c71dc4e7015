"""Losses and weights against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from prlcoder.training.losses.preference import dpo_loss, groups, pair_weights, reward_margins, span_log_probs

pytestmark = pytest.mark.needs_torch


def test_the_log_probability_of_a_span_is_the_sum_over_its_tokens() -> None:
    # Two tokens in the vocabulary; odds 3:1, 1:1, 1:3 for token 0 at three places.
    logits = torch.tensor([[[math.log(3), 0.0], [0.0, 0.0], [0.0, math.log(3)]]])
    targets = torch.tensor([[0, 1, 1]])
    found = span_log_probs(logits, targets, torch.tensor([[1, -1, 1]]), 3)
    assert found.tolist() == pytest.approx([0.0, 2 * math.log(3 / 4), 0.0])
    first, second, _ = span_log_probs(logits, targets, torch.tensor([[0, 0, 1]]), 3).tolist()
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
    assert groups(programs, "program") == [0, 1, 0, 0, 2]
    assert pair_weights(programs, "pair") == [1.0] * 5
    assert groups(programs, "pair") == [0, 1, 2, 3, 4]
