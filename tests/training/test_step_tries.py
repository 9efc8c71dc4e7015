"""Reward-model training on tries: the same loss, gradients and weights as on one row per program."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from prlcoder.modeling.packing.rows import LabelledCollator
from prlcoder.problems.prompts import render
from prlcoder.spec import Reward
from prlcoder.stages.context import StageContext
from prlcoder.supervision.store import read_rows
from prlcoder.training.examples.step_tries import StepTrieCollator, bins, step_tries
from prlcoder.training.examples.steps import COLUMNS, StepSequence, labelled_once, step_sequences
from prlcoder.training.loop import reward_trainer
from prlcoder.training.loop.job import Job
from prlcoder.training.loop.step_trainer import StepTrainer
from prlcoder.training.loop.trainer import arguments
from prlcoder.training.stages import reward

pytestmark = pytest.mark.needs_torch


@pytest.fixture(scope="module")
def sequences(
    make_context: Callable[..., StageContext], tmp_path_factory: pytest.TempPathFactory
) -> list[StepSequence]:
    """The labelled programs of three problems."""
    context = make_context(tmp_path_factory.mktemp("sequences"))
    tokenizer = AutoTokenizer.from_pretrained(context.base_model())
    prompts = {problem.id: render(problem, "nano") for problem in context.train[:3]}
    rows = read_rows(context.artifacts["supervise"], "steps", COLUMNS)
    return step_sequences(tokenizer, prompts, (row for row in rows if row["problem_id"] in prompts))


def labels_of_prefixes(sequences: list[StepSequence]) -> Counter[tuple[str, tuple[int, ...], int]]:
    """How many sequences label each prefix."""
    return Counter(
        (one.problem_id, tuple(one.ids[: position + 1]), label)
        for one in sequences
        for position, label in zip(one.positions, one.labels, strict=True)
    )


@pytest.mark.parametrize("budget", [10_000, 150])
def test_every_label_is_at_the_node_of_its_prefix(sequences: list[StepSequence], budget: int) -> None:
    expected = labels_of_prefixes(sequences)
    found: Counter[tuple[tuple[int, ...], int]] = Counter()
    tries = step_tries(sequences, budget)
    assert (len(tries) == 3) == (budget == 10_000)
    for made in tries:
        prefixes = {
            node: tuple(made.trie.ids[n] for n in path[: index + 1])
            for path in made.trie.paths
            for index, node in enumerate(path)
        }
        for node, label, count in zip(made.nodes, made.labels, made.counts, strict=True):
            found[prefixes[node], label] += count
    assert found == Counter({(prefix, label): count for (_, prefix, label), count in expected.items()})


def test_labelled_once_keeps_one_label_per_prefix(sequences: list[StepSequence]) -> None:
    once = labelled_once(sequences)
    before, after = labels_of_prefixes(sequences), labels_of_prefixes(once)
    assert max(before.values()) > 1
    assert after == Counter(dict.fromkeys(before, 1))


def trained(context: StageContext, batches: list[Any], collator: Any, job: Job) -> dict[str, torch.Tensor]:
    """The loss of one optimiser step over ``batches``, and its gradients."""
    model = reward.step_classifier(context.base_model(), seed=0)
    settings = arguments(job, remove_unused_columns=False)
    trainer = StepTrainer(model=model, args=settings, train_dataset=batches, data_collator=collator)
    made, denominator = trainer.get_batch_samples(iter([collator([batch]) for batch in batches]), len(batches), "cpu")
    losses = [trainer.compute_loss(model, batch, num_items_in_batch=denominator) for batch in made]
    total = torch.stack(losses).sum()
    total.backward()
    found = {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}
    return {**found, "loss": total.detach()}


@pytest.mark.parametrize("row_weights", [False, True], ids=["once", "rows"])
@pytest.mark.parametrize("budget", [10_000, 150], ids=["whole", "split"])
def test_loss_and_gradients_are_those_of_rows(
    sequences: list[StepSequence],
    make_context: Callable[..., StageContext],
    tmp_path: Path,
    budget: int,
    row_weights: bool,
) -> None:
    context = make_context(tmp_path)
    job = Job.of(context, "reward", Reward(batch_size=1))
    learnt = sequences if row_weights else labelled_once(sequences)
    rows = [{"input_ids": one.ids, "labels": one.token_labels()} for one in learnt]
    expected = trained(context, rows, LabelledCollator(0, together=True), job)
    batches = bins(step_tries(learnt, budget), budget, seed=0)
    found = trained(context, batches, StepTrieCollator(0), job)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert (found[name] - value).norm() / value.norm().clamp(min=1e-12) < 1e-5, name


def test_training_on_tries_is_training_on_rows(
    make_context: Callable[..., StageContext], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    for name in ("tries", "rows"):
        section = Reward(epochs=3, learning_rate=1e-3, batch_size=10_000, batch_tokens=100_000, warmup_ratio=0.0)
        context = make_context(tmp_path / name, reward=section)
        metrics = reward.run(context)
        results.append((metrics, load_file(context.output / "model.safetensors")))
        monkeypatch.setattr(reward_trainer, "reads_tries", lambda *_, **__: False)
    (on_tries, one), (on_rows, other) = results
    assert on_tries["steps"] == on_rows["steps"] == 3
    assert on_tries["steps_labelled"] == on_rows["steps_labelled"]
    assert on_tries["tokens"] < 0.3 * on_rows["tokens"]
    assert on_rows["token_ratio"] == 1.0
    for key, tensor in one.items():
        torch.testing.assert_close(other[key], tensor, atol=2e-4, rtol=0)


def test_accumulating_tries_changes_nothing(make_context: Callable[..., StageContext], tmp_path: Path) -> None:
    results = []
    for tokens, accumulation in ((100_000, 1), (400, 100)):
        section = Reward(epochs=2, learning_rate=1e-3, batch_tokens=tokens, gradient_accumulation=accumulation)
        context = make_context(tmp_path / str(tokens), reward=section)
        assert reward.run(context)["steps"] == 2
        results.append(load_file(context.output / "model.safetensors"))
    for name, tensor in results[0].items():
        torch.testing.assert_close(results[1][name], tensor, atol=2e-4, rtol=0)


def test_programs_that_are_too_long_are_counted(make_context: Callable[..., StageContext], tmp_path: Path) -> None:
    context = make_context(tmp_path, reward=Reward(epochs=1))
    model = context.spec.model.model_copy(update={"max_length": 150})
    context = replace(context, spec=context.spec.model_copy(update={"model": model}))
    metrics = reward.run(context)
    assert int(metrics["dropped"]) > 0


def test_two_processes_on_split_tries_are_one(make_context: Callable[..., StageContext], tmp_path: Path) -> None:
    section = Reward(epochs=1, learning_rate=1e-3, batch_tokens=200, warmup_ratio=0.0, keep_best=False)
    contexts = []
    for name, processes in (("single", 1), ("double", 2)):
        steps = {"gradient_accumulation": 4 // processes}
        contexts.append(make_context(tmp_path / name, reward=section.model_copy(update=steps)))
    single, double = contexts
    reward.run(single)
    script = tmp_path / "stage.py"
    script.write_text(
        "import pickle, sys\nfrom prlcoder.training.stages import reward\n"
        "reward.run(pickle.load(open(sys.argv[1], 'rb')))\n"
    )
    (tmp_path / "context.pickle").write_bytes(pickle.dumps(double))
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run([*command, script, tmp_path / "context.pickle"], check=True, env=environment, timeout=300)
    expected, found = (load_file(context.output / "model.safetensors") for context in contexts)
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, atol=5e-4, rtol=0)
