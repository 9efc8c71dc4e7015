"""Preference pairs on tries: the same losses, gradients and log-probabilities as on one row per side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from prlcoder.problems.prompts import render
from prlcoder.spec import Dpo
from prlcoder.stages.context import StageContext
from prlcoder.supervision.store import read_rows
from prlcoder.training.examples.pair_tries import PairBinCollator, PairTrieCollator, pair_bins
from prlcoder.training.examples.pairs import PairCollator, pair_dataset, target_logps
from prlcoder.training.loop.reference import reference_logps
from prlcoder.training.losses.preference import chosen_segment_nll, dpo_loss, pair_logps, reward_margins

pytestmark = pytest.mark.needs_torch


@pytest.fixture(scope="module")
def context(make_context: Callable[..., StageContext], tmp_path_factory: pytest.TempPathFactory) -> StageContext:
    """A stage of a run with pairs."""
    return make_context(tmp_path_factory.mktemp("pairs"))


@pytest.fixture(scope="module")
def pairs(context: StageContext) -> Any:
    """The pairs of all problems, tokenised."""
    tokenizer = AutoTokenizer.from_pretrained(context.base_model())
    prompts = {problem.id: render(problem, "nano") for problem in (*context.train, *context.validation)}
    rows = read_rows(context.artifacts["supervise"], "pairs")
    return pair_dataset(tokenizer, prompts, rows, Dpo(), max_length=512)[0]


def test_two_pairs_of_one_program() -> None:
    common = {"start": 2, "segment_start": 1, "weight": 0.5}
    pairs = [
        {"chosen": [1, 2, 3], "rejected": [1, 2, 4, 5], "loss_denominator_id": 0, **common},
        {"chosen": [1, 2, 3], "rejected": [1, 2, 6], "loss_denominator_id": 1, **common},
    ]
    batch = PairTrieCollator(0)(pairs)
    assert batch["input_ids"][0, :6].tolist() == [1, 2, 3, 4, 5, 6]
    assert batch["ends"][0, :6].tolist() == [6, 6, 3, 5, 5, 6]
    assert batch["targets"].tolist() == [[2, 3, 2, 3, 4, 5, 6]]  # segments begin at token 1, compared tokens at 2
    assert batch["sources"].tolist() == [0, 1, 0, 1, 1, 3, 1]  # token 2 predicts 3, 4 and 6
    assert batch["completion_span"].tolist() == [[-1, 0, -1, 1, 2, 2, 3]]
    assert batch["segment_span"].tolist() == [[0, 0, 1, 1, -1, -1, -1]]
    assert batch["segment_tokens"].tolist() == [2, 2]
    assert batch["weight"].tolist() == [0.5, 0.5]


def test_bins_keep_every_pair_once_and_programs_together(pairs: Any) -> None:
    examples = list(pairs)
    programs = len({example["loss_denominator_id"] for example in examples})
    for budget in (100_000, 600, 60):
        found = pair_bins(examples, budget, seed=1)
        flat = [pair for one in found for pair in one]
        assert sorted(map(str, flat)) == sorted(map(str, examples))
        sizes = [PairTrieCollator(0)(one)["input_ids"].numel() for one in found]
        assert len(found) == 1 if budget == 100_000 else max(sizes) < 2 * 600
    whole = pair_bins(examples, 600, seed=1)
    spread = [{pair["loss_denominator_id"] for pair in one} for one in whole]
    assert sum(map(len, spread)) == programs  # no program is in two batches


def test_a_batch_of_bins_is_a_batch_of_their_pairs(pairs: Any) -> None:
    examples = [pairs[number] for number in range(6)]
    together, apart = PairTrieCollator(0)(examples), PairBinCollator(0)([examples[:4], examples[4:]])
    assert together["input_ids"].tolist() == apart["input_ids"].tolist()
    assert together["targets"].tolist() == apart["targets"].tolist()


def losses(model: Any, batch: Any) -> torch.Tensor:
    """DPO with the likelihood term, per pair."""
    logps = target_logps(model, batch)
    chosen, rejected = pair_logps(logps, batch)
    margins = reward_margins(chosen, rejected, torch.full_like(chosen, -3.0), torch.full_like(chosen, -4.0), beta=0.3)
    return dpo_loss(margins) + 0.5 * chosen_segment_nll(logps, batch)


@pytest.mark.parametrize("model_name", ["nano", "llama", "qwen2"])
def test_losses_and_gradients_are_those_of_rows(
    context: StageContext, pairs: Any, model_folders: dict[str, Path], model_name: str
) -> None:
    folder = context.base_model() if model_name == "nano" else model_folders[model_name]
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    examples = [pairs[number] for number in range(0, len(pairs), 7)]
    results = []
    for collate in (PairCollator(0, together=True), PairTrieCollator(0)):
        model.zero_grad()
        each = losses(model, collate(examples))
        each.sum().backward()
        gradients = {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}
        results.append((each.detach(), gradients))
    (expected, gradients), (found, others) = results
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    for name, gradient in gradients.items():
        assert (others[name] - gradient).norm() / gradient.norm().clamp(min=1e-12) < 1e-5, name


def test_reference_log_probabilities_are_those_of_rows(context: StageContext, pairs: Any) -> None:
    model = AutoModelForCausalLM.from_pretrained(context.base_model())
    on_rows = reference_logps(pairs, model, PairCollator(0, together=True))
    on_tries = reference_logps(pairs, model, PairTrieCollator(0))
    assert on_tries.ravel().tolist() == pytest.approx(on_rows.ravel().tolist(), abs=1e-4)
    rows = sum(len(side) for pair in pairs for side in (pair["chosen"], pair["rejected"]))
    assert PairTrieCollator(0)(list(pairs))["input_ids"].numel() < 0.5 * rows
