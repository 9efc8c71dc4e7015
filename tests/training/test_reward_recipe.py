"""The reward model's recipe: balanced classes, the best epoch, calibrated probabilities."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import AutoTokenizer

from prlcoder.prm.calibration import Calibration
from prlcoder.problems.prompts import render
from prlcoder.spec import Reward
from prlcoder.stages.context import StageContext
from prlcoder.supervision.store import read_rows
from prlcoder.training.examples.steps import COLUMNS, labelled_once, step_sequences
from prlcoder.training.loop.keep_best import KeepBest
from prlcoder.training.loop.step_validation import StepValidation, calibrate_head
from prlcoder.training.losses.reward_model import class_weights, step_loss_sum
from prlcoder.training.stages import reward

pytestmark = pytest.mark.needs_torch


def test_the_loss_of_two_steps_by_hand() -> None:
    logits = torch.tensor([[0.0, 0.0], [0.0, 1.0]])
    total = step_loss_sum(logits, torch.tensor([0, 1]), torch.tensor([2.0, 1.0]))
    assert total.item() == pytest.approx(2 * 0.693147 + 0.313262, abs=1e-5)


def test_class_weights_give_both_classes_the_same_total() -> None:
    rejected, chosen = class_weights([0, 1, 1, 1])
    assert rejected * 1 == pytest.approx(chosen * 3)
    assert rejected + 3 * chosen == pytest.approx(4)
    assert class_weights([1, 1]) == (1.0, 1.0)


def test_the_best_epoch_is_kept_and_survives_a_restart(tmp_path: Path) -> None:
    model = torch.nn.Linear(2, 1)
    frozen = torch.nn.Linear(2, 1).requires_grad_(False)
    model.frozen = frozen
    scores = iter([0.6, None, 0.8, 0.8, 0.7])
    state = SimpleNamespace(epoch=0.0, global_step=0, max_steps=50, is_world_process_zero=True)
    for epoch in range(1, 6):
        keep = KeepBest(tmp_path, lambda: next(scores))  # a new one each time, as after a restart
        torch.nn.init.constant_(model.weight, float(epoch))
        state.epoch, state.global_step = float(epoch), 10 * epoch
        keep.on_epoch_end(None, state, None, model=model)
    assert keep.best == {"score": 0.8, "epoch": 3.0, "step": 30}
    keep.restore(model)
    assert model.weight.tolist() == [[3.0, 3.0]]


def test_an_epoch_that_a_signal_cut_short_is_not_measured(tmp_path: Path) -> None:
    keep = KeepBest(tmp_path, lambda: 1.0)
    state = SimpleNamespace(epoch=1.5, global_step=15, max_steps=50, is_world_process_zero=True)
    keep.on_epoch_end(None, state, None, model=torch.nn.Linear(2, 1))
    assert keep.best is None
    keep.restore(torch.nn.Linear(2, 1))


@pytest.mark.parametrize("in_tries", [True, False], ids=["tries", "rows"])
def test_a_folded_calibration_gives_the_calibrated_log_odds(
    make_context: Callable[..., StageContext], tmp_path: Path, in_tries: bool
) -> None:
    context = make_context(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(context.base_model())
    prompts = {problem.id: render(problem, "nano") for problem in context.validation}
    rows = [row for row in read_rows(context.artifacts["supervise"], "steps", COLUMNS) if row["problem_id"] in prompts]
    sequences = labelled_once(step_sequences(tokenizer, prompts, rows))
    validation = StepValidation(sequences, pad=0, budget=400, in_tries=in_tries)
    model = reward.step_classifier(context.base_model(), seed=0)
    torch.nn.init.normal_(model.score.weight, std=0.5)
    before = validation.scored(model)
    assert len(before) == len(validation) > 20
    calibration = Calibration(temperature=2.5, offset=-0.75)
    assert calibrate_head(model, calibration)
    for (odds, right), (after, same) in zip(before, validation.scored(model), strict=True):
        assert right == same
        assert after == pytest.approx(calibration.apply(odds), abs=1e-4)


def test_tries_and_rows_measure_the_same(make_context: Callable[..., StageContext], tmp_path: Path) -> None:
    context = make_context(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(context.base_model())
    prompts = {problem.id: render(problem, "nano") for problem in context.validation}
    rows = [row for row in read_rows(context.artifacts["supervise"], "steps", COLUMNS) if row["problem_id"] in prompts]
    sequences = labelled_once(step_sequences(tokenizer, prompts, rows))
    model = reward.step_classifier(context.base_model(), seed=0)
    scores = [
        sorted(StepValidation(sequences, pad=0, budget=budget, in_tries=in_tries).scored(model))
        for budget, in_tries in ((100_000, True), (300, True), (300, False))
    ]
    for other in scores[1:]:
        assert [label for _, label in other] == [label for _, label in scores[0]]
        assert [odds for odds, _ in other] == pytest.approx([odds for odds, _ in scores[0]], abs=1e-5)


def test_the_stage_reports_the_best_epoch_and_the_calibration(
    make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    section = Reward(epochs=6, learning_rate=3e-3, batch_tokens=300, warmup_ratio=0.0)
    context = make_context(tmp_path, reward=section)
    metrics = reward.run(context)
    best = json.loads((context.work / "train" / "best.json").read_text())
    assert metrics["validation_auroc"] == pytest.approx(best["score"])
    assert metrics["best_epoch"] == best["epoch"]
    assert float(metrics["temperature"]) > 0
    assert "validation_auroc" in (context.output / "README.md").read_text()
    last = make_context(tmp_path / "last", reward=section.model_copy(update={"keep_best": False}))
    assert "best_epoch" not in reward.run(last)
    assert not (last.work / "train" / "best.json").exists()
