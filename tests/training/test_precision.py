"""Weights are trained in float32 whatever the base's files hold, and a NaN ends the stage with an error."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from prlcoder.errors import InputError, WorkError
from prlcoder.spec import Control, Policy, Pretrain, Reward, Sft
from prlcoder.stages.context import StageContext
from prlcoder.training.loop.finite import all_finite
from prlcoder.training.stages import policy as policy_stage
from prlcoder.training.stages import pretrain, reward, sft

pytestmark = pytest.mark.needs_torch

DEFAULT_RATE: dict[str, Any] = {"learning_rate": 2e-5, "epochs": 2, "batch_size": 4, "warmup_ratio": 0.0}


def base_in(dtype: str, nano_folder: Path, folder: Path) -> Path:
    """The nano model with its files in another type."""
    model = AutoModelForCausalLM.from_pretrained(nano_folder).to(getattr(torch, dtype))
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(nano_folder).save_pretrained(folder)
    return folder


def based_on(context: StageContext, base: Path, **model: Any) -> StageContext:
    """The context with another base and other fields of the section ``model``."""
    spec = context.spec.model_copy(update={"model": context.spec.model.model_copy(update=model)})
    return replace(context, spec=spec, artifacts={**context.artifacts, "pretrain": base})


def share_moved(before: Path, after: Path) -> float:
    """Share of the weights below the embedding that differ between two model folders."""
    old, new = load_file(before / "model.safetensors"), load_file(after / "model.safetensors")
    layers = [name for name in new if "layers." in name]
    moved = sum(int((old[name].float() != new[name].float()).sum()) for name in layers)
    return moved / sum(new[name].numel() for name in layers)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_nearly_all_weights_move_whatever_the_type_of_the_files(
    dtype: str, nano_folder: Path, make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    base = base_in(dtype, nano_folder, tmp_path / "base")
    context = based_on(make_context(tmp_path, sft=Sft(**DEFAULT_RATE)), base)
    sft.run(context)
    weights = load_file(context.output / "model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
    assert all_finite(weights.values())
    assert share_moved(base, context.output) > 0.99


@pytest.mark.parametrize("stage", ["sft", "reward", "policy"])
def test_a_base_in_bfloat16_is_trained_in_float32_by_every_stage(
    stage: str, nano_folder: Path, make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    base = base_in("bfloat16", nano_folder, tmp_path / "base")
    rates = {**DEFAULT_RATE, "epochs": 1}
    controls = tuple(Control(kind=kind, **rates) for kind in ("nll", "rft"))
    sections = {"sft": Sft(**rates), "reward": Reward(**rates), "policy": Policy(controls=controls, **rates)}
    run = {"sft": sft.run, "reward": reward.run, "policy": policy_stage.run}[stage]
    context = based_on(make_context(tmp_path, **{stage: sections[stage]}), base)
    run(context)
    files = list(context.output.rglob("model.safetensors"))
    assert len(files) == (3 if stage == "policy" else 1)
    for file in files:
        assert {weight.dtype for weight in load_file(file).values()} == {torch.float32}
        assert share_moved(base, file.parent) > 0.9


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_spec_names_the_type_of_the_written_weights(
    dtype: str, nano_folder: Path, make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    section = Sft(**{**DEFAULT_RATE, "learning_rate": 1e-3})
    exact, rounded = (make_context(tmp_path / name, sft=section) for name in ("exact", "rounded"))
    rounded = based_on(rounded, nano_folder, dtype=dtype)
    sft.run(exact)
    sft.run(rounded)
    written = load_file(rounded.output / "model.safetensors")
    for name, weight in load_file(exact.output / "model.safetensors").items():
        torch.testing.assert_close(written[name], weight.to(getattr(torch, dtype)), atol=0, rtol=0)


def test_autocast_computes_in_bfloat16_and_keeps_float32_weights(
    nano_folder: Path, make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    section = {**DEFAULT_RATE, "learning_rate": 1e-3}
    plain, cast = (make_context(tmp_path / str(bf16), sft=Sft(bf16=bf16, **section)) for bf16 in (False, True))
    sft.run(plain)
    sft.run(cast)
    one, other = (load_file(context.output / "model.safetensors") for context in (plain, cast))
    assert {weight.dtype for weight in other.values()} == {torch.float32}
    differences = [float((one[name] - other[name]).abs().max()) for name in one]
    assert 0 < max(differences) < 0.02  # other rounding, the same training


EXPLODING: dict[str, Any] = {
    "learning_rate": 1e30,
    "max_grad_norm": 1e30,
    "batch_size": 4,
    "warmup_ratio": 0.0,
    "lr_scheduler": "constant",
    "save_steps": 1,
}


@pytest.mark.parametrize("stage", ["pretrain", "sft", "reward", "policy"])
def test_a_training_that_explodes_stops_with_the_step_and_the_last_good_checkpoint(
    stage: str, make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    sections = {
        "pretrain": Pretrain(programs=48, **EXPLODING),
        "sft": Sft(**EXPLODING),
        "reward": Reward(**EXPLODING),
        "policy": Policy(**EXPLODING),
    }
    run = {"pretrain": pretrain.run, "sft": sft.run, "reward": reward.run, "policy": policy_stage.run}[stage]
    context = make_context(tmp_path, **{stage: sections[stage]})
    with pytest.raises(WorkError, match=rf"^{stage}: step (\d+): the .*checkpoint.*learningRate") as caught:
        run(context)
    step = int(str(caught.value).split("step ")[1].split(":")[0])
    assert not (context.output / "config.json").exists()
    train = context.work / "train"
    if step > 1:
        latest = train / (train / "LATEST").read_text().strip()
        assert str(latest) in str(caught.value)
        assert all_finite(load_file(latest / "model.safetensors").values())
    else:
        assert "no checkpoint was saved" in str(caught.value)


def test_the_stage_s_process_ends_with_an_error(make_context: Callable[..., StageContext], tmp_path: Path) -> None:
    import pickle

    context = make_context(tmp_path, sft=Sft(**EXPLODING))
    (tmp_path / "context.pickle").write_bytes(pickle.dumps(context))
    code = "import pickle, sys; from prlcoder.training.stages import sft; sft.run(pickle.load(open(sys.argv[1], 'rb')))"
    command = [sys.executable, "-c", code, str(tmp_path / "context.pickle")]
    done = subprocess.run(command, env={**os.environ}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "WorkError: sft: step" in done.stderr


def test_weights_too_large_for_the_written_type_are_not_published(
    nano_folder: Path, make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    model = AutoModelForCausalLM.from_pretrained(nano_folder)
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight[0, 0] = 70000.0  # float16 ends at 65,504
        model.model.layers[0].mlp.down_proj.weight[:, 0] = 0.0  # and nothing reads it
    model.save_pretrained(tmp_path / "base")
    AutoTokenizer.from_pretrained(nano_folder).save_pretrained(tmp_path / "base")
    context = based_on(make_context(tmp_path, sft=Sft(**DEFAULT_RATE)), tmp_path / "base", dtype="float16")
    with pytest.raises(WorkError, match=r"sft: after the last step: the weight .*up_proj.* set model\.dtype"):
        sft.run(context)
    assert not (context.output / "model.safetensors").exists()


def test_a_base_with_a_nan_is_refused_before_the_first_step(
    nano_folder: Path, make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    model = AutoModelForCausalLM.from_pretrained(nano_folder)
    with torch.no_grad():
        model.model.norm.weight[0] = torch.nan
    model.save_pretrained(tmp_path / "base")
    AutoTokenizer.from_pretrained(nano_folder).save_pretrained(tmp_path / "base")
    context = based_on(make_context(tmp_path, sft=Sft(**DEFAULT_RATE)), tmp_path / "base")
    with pytest.raises(InputError, match=r"base: its weight model\.norm\.weight contains a NaN"):
        sft.run(context)
