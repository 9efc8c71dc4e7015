"""The process reward model: where its labels sit, what it learns, what it reports."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from prlcoder.modeling.packing.rows import IGNORED
from prlcoder.prm.scoring import LocalStepScorer
from prlcoder.problems.prompts import render
from prlcoder.segmenter import segment
from prlcoder.spec import Reward
from prlcoder.stages.context import StageContext
from prlcoder.supervision.store import read_rows
from prlcoder.training.examples.steps import step_sequences
from prlcoder.training.stages import reward

pytestmark = pytest.mark.needs_torch


def test_the_steps_of_a_program_share_a_sequence_and_those_before_a_labelled_one_are_chosen(
    make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    context = make_context(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(context.base_model())
    problem = context.train[0]
    rows = [row for row in read_rows(context.artifacts["supervise"], "steps") if row["problem_id"] == problem.id]
    sequences = step_sequences(tokenizer, {problem.id: render(problem, "nano")}, rows)
    canonical = [row for row in rows if row["origin"] == "canonical"]
    assert len(sequences) == 1 + len(rows) - len(canonical)
    assert sorted(len(item.labels) for item in sequences if 0 not in item.labels)[-1] == len(canonical)
    labels = {(row["prefix"] + row["segment"]).rstrip(): int(row["label"] == "chosen") for row in rows}
    for item in sequences:
        assert [label for label in item.token_labels() if label != IGNORED] == item.labels
        texts = [tokenizer.decode(item.ids[: position + 1]) for position in item.positions]
        for text, label in zip(texts, item.labels, strict=True):
            assert next(found for until, found in labels.items() if text.endswith(until)) == label
        assert item.labels[:-1] == [1] * (len(item.labels) - 1)
        assert item.positions[-1] == len(item.ids) - 1


def test_gradient_accumulation_changes_nothing(make_context: Callable[..., StageContext], tmp_path: Path) -> None:
    results = []
    for batch_tokens, accumulation in ((4000, 1), (500, 8)):
        section = Reward(epochs=1, learning_rate=1e-3, batch_tokens=batch_tokens, gradient_accumulation=accumulation)
        context = make_context(tmp_path / str(batch_tokens), reward=section)
        reward.run(context)
        results.append(load_file(context.output / "model.safetensors"))
    for name, tensor in results[0].items():
        torch.testing.assert_close(results[1][name], tensor, atol=2e-4, rtol=0)


def test_it_learns_from_the_training_problems_alone(make_context: Callable[..., StageContext], tmp_path: Path) -> None:
    context = make_context(tmp_path, reward=Reward(epochs=15, learning_rate=2e-3, batch_tokens=300, warmup_ratio=0.0))
    metrics = reward.run(context)
    train = {problem.id for problem in context.train}
    rows = list(read_rows(context.artifacts["supervise"], "steps"))
    programs = [(row["problem_id"], row["prefix"] + row["segment"] + row["rest"]) for row in rows]
    assert metrics["sequences"] == len({program for program in programs if program[0] in train}) < len(set(programs))
    log = [entry["loss"] for entry in json.loads((context.output / "training_log.json").read_text()) if "loss" in entry]
    assert log[-1] < 0.5 * log[0]
    scorer = LocalStepScorer(str(context.output))
    problem = context.train[0]
    scores = scorer.score([(render(problem, "nano"), problem.canonical, segment(problem.canonical, "line"))])[0]
    assert len(scores) == len(segment(problem.canonical, "line"))
    assert all(0.0 <= score.probability <= 1.0 for score in scores)
