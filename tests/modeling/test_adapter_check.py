"""The check of an adapter's folder: what it accepts, and what it refuses with which file and field."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prlcoder.errors import InputError
from prlcoder.modeling.adapters import below_adapters
from prlcoder.modeling.model_check import check_model

pytestmark = pytest.mark.needs_torch


@pytest.fixture
def folder(model_folders: dict[str, Path], tmp_path: Path) -> Path:
    """An adapter on the tiny Llama, which a test may damage."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(model_folders["llama"])
    settings = LoraConfig(r=4, target_modules=["q_proj", "up_proj"], task_type="CAUSAL_LM")
    get_peft_model(base, settings).save_pretrained(tmp_path / "adapter")
    edit(tmp_path / "adapter", base_model_name_or_path=str(model_folders["llama"]))
    return tmp_path / "adapter"


def edit(folder: Path, **values: Any) -> None:
    """Set fields of the adapter's configuration."""
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def weights(folder: Path) -> Path:
    return folder / "adapter_model.safetensors"


def test_an_adapter_that_fits_its_base_is_accepted(folder: Path) -> None:
    assert check_model(str(folder)).rows == 558


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "adapter_config.json").write_text("{"), "adapter_config.json: is invalid JSON"),
        (lambda f: (f / "adapter_config.json").write_text("[]"), "adapter_config.json: contains list"),
        (lambda f: edit(f, base_model_name_or_path=None), "base_model_name_or_path: is missing; name the folder"),
        (lambda f: edit(f, base_model_name_or_path=7), "base_model_name_or_path: is missing; name the folder"),
        (lambda f: edit(f, base_model_name_or_path="/data/base"), "the adapter is for /data/base, which is not on"),
        (
            lambda f: edit(f, base_model_name_or_path="C:\\base"),
            r"adapter_config.json: base_model_name_or_path: model C:\\base: .* not a folder on this machine",
        ),
        (lambda f: edit(f, base_model_name_or_path=str(f)), "base_model_name_or_path: leads back to this adapter"),
        (lambda f: weights(f).unlink(), "contains no adapter_model.safetensors; copy the adapter completely"),
        (lambda f: os.truncate(weights(f), 3000), "adapter_model.safetensors: is truncated or damaged"),
        (lambda f: edit(f, r=8), r"adapter_config.json: the configuration and its base .*; name the base that it was"),
        (lambda f: edit(f, target_modules=["own"]), "adapter_config.json: the adapter does not fit its base .*own"),
        (
            lambda f: edit(f, target_modules=["q_proj", "up_proj", "v_proj"]),
            "adapter_config.json: target_modules: the adapter has no weights for .*v_proj",
        ),
        (lambda f: edit(f, peft_type="OWN"), "adapter_config.json: peft_type: .* unknown to the installed PEFT"),
        (
            lambda f: edit(f, peft_type="PROMPT_TUNING", num_virtual_tokens=4),
            "peft_type: PROMPT_TUNING does not change weights, so it cannot be merged",
        ),
    ],
)
def test_an_adapter_that_cannot_be_merged_is_refused(folder: Path, damage: Callable[[Path], Any], message: str) -> None:
    damage(folder)
    with pytest.raises(InputError, match=message):
        check_model(str(folder))


def test_a_damaged_base_below_an_adapter_is_named(folder: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    edit(folder, base_model_name_or_path=str(base))
    assert below_adapters(str(folder)) == str(base)
    with pytest.raises(InputError, match=r"base_model_name_or_path: model .*contains no config"):
        check_model(str(folder))
