"""Pre-training and supervised fine-tuning."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, MambaConfig, MambaForCausalLM

from prlcoder.errors import InputError, WorkError
from prlcoder.modeling.packing.rows import IGNORED, LabelledCollator, supports_packing
from prlcoder.modeling.spans import encode_program
from prlcoder.problems.prompts import Prompt, render
from prlcoder.spec import Model, Pretrain, Scratch, Sft, Tracking
from prlcoder.stages.context import StageContext
from prlcoder.training.examples.programs import program_dataset, program_example
from prlcoder.training.stages import pretrain, sft

pytestmark = pytest.mark.needs_torch


def test_the_loss_is_on_the_solution_and_eos_alone(make_context: Callable[..., StageContext], tmp_path: Path) -> None:
    context = make_context(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(context.base_model())
    problem = context.train[0]
    prompt = render(problem, "nano")
    example = program_example(encode_program(tokenizer, prompt, problem.canonical), prompt, on_prompt=False)
    learnt = [label for label in example["labels"] if label != IGNORED]
    assert tokenizer.decode(learnt) == problem.canonical[len(problem.prompt) :] + "<eos>"
    assert tokenizer.decode(example["input_ids"]) == prompt.text + tokenizer.decode(learnt)
    whole = program_example(encode_program(tokenizer, prompt, problem.canonical), prompt, on_prompt=True)
    assert whole["input_ids"] == example["input_ids"]
    assert whole["labels"] == [IGNORED, *whole["input_ids"][1:]]


def test_a_collated_batch_with_each_example_in_its_own_row() -> None:
    rows = [{"input_ids": [5, 6, 7], "labels": [IGNORED, 6, 7]}, {"input_ids": [8], "labels": [IGNORED]}]
    batch = LabelledCollator(0, together=False)(rows)
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 0, 0]]
    assert batch["position_ids"].tolist() == [[0, 1, 2], [0, 0, 1]]
    assert batch["labels"].tolist() == [[IGNORED, 6, 7], [IGNORED] * 3]


def test_a_packed_batch() -> None:
    rows = [{"input_ids": list(range(n, 2 * n)), "labels": [IGNORED, *range(n + 1, 2 * n)]} for n in (4, 2, 5, 3)]
    batch = LabelledCollator(0, together=True)(rows)
    assert batch["input_ids"].tolist() == [[5, 6, 7, 8, 9], [4, 5, 6, 7, 0], [3, 4, 5, 2, 3]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3, 4], [0, 1, 2, 3, 0], [0, 1, 2, 0, 1]]
    assert batch["labels"].tolist() == [[IGNORED, 6, 7, 8, 9], [IGNORED, 5, 6, 7, IGNORED], [IGNORED, 4, 5, IGNORED, 3]]


def test_packing_changes_neither_the_loss_nor_its_gradient(nano_folder: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(nano_folder)
    draw = random.Random(0)
    sequences = [[draw.randrange(3, 100) for _ in range(n)] for n in (9, 4, 17, 12, 2, 5)]
    rows = [{"input_ids": ids, "labels": [IGNORED, *ids[1:]]} for ids in sequences]
    found = []
    for together in (False, True):
        model.zero_grad()
        loss = model(**LabelledCollator(0, together=together)(rows), num_items_in_batch=torch.tensor(43)).loss
        loss.backward()
        found.append((loss.item(), [weight.grad.clone() for weight in model.parameters()]))
    (apart, gradients), (packed, others) = found
    assert packed == pytest.approx(apart, rel=1e-5)
    for one, other in zip(gradients, others, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)


def test_which_models_keep_packed_programs_apart(nano_folder: Path) -> None:
    assert supports_packing(AutoModelForCausalLM.from_pretrained(nano_folder))
    recurrent = MambaConfig(vocab_size=50, hidden_size=16, state_size=4, num_hidden_layers=1)
    assert not supports_packing(MambaForCausalLM(recurrent))


def test_long_programs_are_left_out_and_counted(nano_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(nano_folder)
    programs = [(Prompt("", "", ""), "x = 1\n" * count) for count in (1, 9)]
    kept, dropped = program_dataset(tokenizer, programs, max_length=20, on_prompt=True)
    assert (len(kept), dropped) == (1, 1)
    assert "1 of 2 examples are longer than 20 tokens" in capsys.readouterr().err
    with pytest.raises(WorkError, match=r"none of 1 examples fits model\.maxLength 20"):
        program_dataset(tokenizer, programs[1:], max_length=20, on_prompt=True)


def test_pretraining_learns_and_publishes_a_model_folder(
    make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    section = Pretrain(programs=160, batch_size=8, logging_steps=5)
    context = make_context(tmp_path, pretrain=section)
    metrics = pretrain.run(context)
    assert metrics["examples"] == 160
    log = json.loads((context.output / "training_log.json").read_text())
    losses = [entry["loss"] for entry in log if "loss" in entry]
    assert losses[-1] < 0.75 * losses[0]
    assert AutoModelForCausalLM.from_pretrained(context.output).num_parameters() == metrics["parameters"]


def test_the_small_preset_learns_real_problems(make_context: Callable[..., StageContext], tmp_path: Path) -> None:
    context = make_context(tmp_path, pretrain=Pretrain(batch_size=4))
    model = Model(scratch=Scratch(preset="small"), prompt_template="chat", max_length=512)
    problems = context.spec.problems.model_copy(update={"source": "problems.jsonl"})
    context = replace(context, spec=context.spec.model_copy(update={"model": model, "problems": problems}))
    metrics = pretrain.run(context)
    assert metrics["examples"] == len(context.train)
    tokenizer = AutoTokenizer.from_pretrained(context.output)
    assert render(context.train[0], "chat", tokenizer).text.endswith("### Response:\n```python\ndef f(v0):\n")


def test_fine_tuning_prefers_the_solutions(make_context: Callable[..., StageContext], tmp_path: Path) -> None:
    context = make_context(tmp_path, sft=Sft(epochs=6, batch_size=4, learning_rate=3e-3, logging_steps=2))
    metrics = sft.run(context)
    log = json.loads((context.output / "training_log.json").read_text())
    losses = [entry["loss"] for entry in log if "loss" in entry]
    assert metrics["examples"] == len(context.train)
    assert losses[-1] < 0.7 * losses[0]


def test_an_unknown_tracker_is_refused(make_context: Callable[..., StageContext], tmp_path: Path) -> None:
    context = make_context(tmp_path, tracking=Tracking(report_to=("nowhere",)), sft=Sft())
    with pytest.raises(InputError, match=r"spec\.tracking\.reportTo: nowhere"):
        sft.run(context)
