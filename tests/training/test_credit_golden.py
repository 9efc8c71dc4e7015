"""The credit rule ``min`` gives PURE's own step rewards."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.training.rl_goldens import assert_close, given, golden
from tests.training.rollout_cases import rollout

from prlcoder.segmenter import Segment
from prlcoder.training.credit import CREDIT_RULES, CreditSettings
from prlcoder.training.rewards.weighting import WeightedTerm, rewarded

pytestmark = pytest.mark.needs_torch


def test_min_gives_pures_rewards() -> None:
    logits, step_mask = given("step_logits", "step_mask")
    probabilities = logits.softmax(-1)[..., 1]
    tokens = logits.shape[1]
    for row in range(len(logits)):
        ends = [token for token in range(tokens) if step_mask[row, token]]
        one = replace(
            rollout(),
            completion_ids=tuple(range(tokens)),
            sampling_logps=(0.0,) * tokens,
            token_lines=(),
            segments=tuple(Segment(0, 1, "expr", "x") for _ in ends),
            segment_ends=tuple(ends),
            step_scores=tuple(float(probabilities[row, end]) for end in ends),
        )
        found = CREDIT_RULES["min"].credit(rewarded(one, [WeightedTerm("process")]).rollout, CreditSettings())
        assert_close(torch.tensor(found, dtype=torch.float64), golden("pure", "min_rewards")[row])
