"""Step-level DPO: what is compared, what is averaged, what it does to a policy."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from prlcoder.errors import InputError, WorkError
from prlcoder.problems.prompts import render
from prlcoder.spec import Control, Dpo, Policy
from prlcoder.stages.context import StageContext
from prlcoder.supervision.store import read_rows
from prlcoder.training.examples.pairs import PairCollator, pair_dataset, target_logps
from prlcoder.training.loop.job import initial_model
from prlcoder.training.loop.reference import reference_logps
from prlcoder.training.losses.preference import pair_logps
from prlcoder.training.stages import policy as policy_stage

pytestmark = pytest.mark.needs_torch

QUICK: dict[str, Any] = {"learning_rate": 1e-3, "epochs": 1, "warmup_ratio": 0.0, "logging_steps": 1}


def pairs_of(context: StageContext, **settings: Any) -> Any:
    """The run's pairs, tokenised."""
    tokenizer = AutoTokenizer.from_pretrained(context.base_model())
    prompts = {problem.id: render(problem, "nano") for problem in (*context.train, *context.validation)}
    rows = read_rows(context.artifacts["supervise"], "pairs")
    max_length = settings.pop("max_length", 512)
    return pair_dataset(tokenizer, prompts, rows, Dpo(**settings), max_length=max_length)


def test_batched_log_probabilities_are_those_of_each_sequence_alone(
    make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    context = make_context(tmp_path)
    pairs, _ = pairs_of(context)
    model = AutoModelForCausalLM.from_pretrained(context.base_model())
    found = reference_logps(pairs, model, PairCollator(0, together=True))
    apart = reference_logps(pairs, model, PairCollator(0, together=False))
    assert found.ravel().tolist() == pytest.approx(apart.ravel().tolist(), abs=1e-4)
    for index, pair in enumerate(pairs):
        for side, name in enumerate(("chosen", "rejected")):
            with torch.inference_mode():
                logs = torch.log_softmax(model(torch.tensor([pair[name]])).logits[0], dim=-1)
            places = range(pair["start"], len(pair[name]))
            expected = sum(logs[place - 1, pair[name][place]].item() for place in places)
            assert found[side, index] == pytest.approx(expected, abs=1e-4)
    batch = PairCollator(0, together=True)([pairs[0]])
    assert pair_logps(target_logps(model, batch), batch)[0].item() == pytest.approx(found[0, 0], abs=1e-4)


def test_origins_lengths_and_weights(make_context: Callable[..., StageContext], tmp_path: Path) -> None:
    context = make_context(tmp_path)
    everything, dropped = pairs_of(context)
    assert dropped == 0
    counts = {
        number: everything["loss_denominator_id"][:].count(number) for number in everything["loss_denominator_id"][:]
    }
    assert everything["weight"][:] == [1 / counts[number] for number in everything["loss_denominator_id"][:]]
    longest = max(everything["length"][:])
    shorter, dropped = pairs_of(context, max_length=longest - 1)
    assert (len(shorter) + dropped, dropped > 0) == (len(everything), True)
    with pytest.raises(WorkError, match=r"policy\.dpo\.origins"):
        pairs_of(context, origins=("mutation",))


def trained(context: StageContext, below: str = "") -> dict[str, torch.Tensor]:
    """The published weights."""
    return load_file(context.output / below / "model.safetensors")


@pytest.mark.parametrize("weighting", ["program", "pair"])
def test_gradient_accumulation_changes_nothing(
    make_context: Callable[..., StageContext], tmp_path: Path, weighting: str
) -> None:
    results, logs = [], []
    for batch_size, accumulation in ((8, 1), (2, 4)):
        sizes = {"batch_size": batch_size, "gradient_accumulation": accumulation}
        policy = Policy(dpo=Dpo(weighting=weighting, nll_weight=0.3), **sizes, **QUICK)
        context = make_context(tmp_path / str(batch_size), policy=policy)
        policy_stage.run(context)
        results.append(trained(context))
        logs.append(json.loads((context.output / "training_log.json").read_text()))
    for name, tensor in results[0].items():
        torch.testing.assert_close(results[1][name], tensor, atol=2e-4, rtol=0)
    for one, other in zip(*logs, strict=True):
        if "loss" in one:
            assert other["loss"] == pytest.approx(one["loss"], rel=1e-3)


def test_two_processes_are_one(make_context: Callable[..., StageContext], tmp_path: Path) -> None:
    policy = {"batch_size": 4, **QUICK}
    single = make_context(tmp_path / "single", policy=Policy(**{**policy, "batch_size": 8}))
    policy_stage.run(single)
    double = make_context(tmp_path / "double", policy=Policy(**policy))
    script = tmp_path / "stage.py"
    script.write_text(
        "import pickle, sys\nfrom prlcoder.training.stages import policy as policy_stage\n"
        "policy_stage.run(pickle.load(open(sys.argv[1], 'rb')))\n"
    )
    (tmp_path / "context.pickle").write_bytes(pickle.dumps(double))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run([*command, script, tmp_path / "context.pickle"], check=True, env=environment, timeout=300)
    for name, tensor in trained(single).items():
        torch.testing.assert_close(trained(double)[name], tensor, atol=2e-4, rtol=0)


def test_it_learns_to_prefer_the_chosen_steps(make_context: Callable[..., StageContext], tmp_path: Path) -> None:
    controls = (Control(kind="nll", **QUICK), Control(kind="rft", **QUICK))
    policy = Policy(batch_size=8, controls=controls, dpo=Dpo(beta=0.5), **{**QUICK, "epochs": 4})
    context = make_context(tmp_path, policy=policy)
    metrics = policy_stage.run(context)
    log = json.loads((context.output / "training_log.json").read_text())
    losses = [entry["loss"] for entry in log if "loss" in entry]
    assert losses[-1] < losses[0]
    assert metrics["margins"] > 0.2
    assert metrics["accuracies"] == 1.0
    for below in ("", "controls/nll", "controls/rft"):
        folder = context.output / below
        AutoModelForCausalLM.from_pretrained(folder)
        assert AutoTokenizer.from_pretrained(folder).eos_token == "<eos>"
        assert json.loads((folder / "prompt_template.json").read_text())["name"] == "nano"
        assert "| learningRate | 0.001 |" in (folder / "README.md").read_text()
        assert list((folder / "tensorboard").iterdir())


def test_the_first_step_starts_at_log_two(make_context: Callable[..., StageContext], tmp_path: Path) -> None:
    context = make_context(tmp_path, policy=Policy(batch_size=64, dpo=Dpo(weighting="pair"), **QUICK))
    policy_stage.run(context)
    log = json.loads((context.output / "training_log.json").read_text())
    assert log[0]["loss"] == pytest.approx(0.693147, abs=1e-4)
    assert log[0]["rewards/margins"] == pytest.approx(0.0, abs=1e-4)


def test_starting_points(make_context: Callable[..., StageContext], tmp_path: Path) -> None:
    context = make_context(tmp_path)
    assert initial_model(context, "base") == context.base_model()
    assert initial_model(context, "org/name") == "org/name"
    with pytest.raises(InputError, match=r"start from sft: this run has no stage"):
        initial_model(context, "sft")
