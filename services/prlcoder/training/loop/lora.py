"""Wraps a model with trainable low-rank adapters (LoRA, https://arxiv.org/abs/2106.09685), through PEFT."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Literal

import torch

from prlcoder.modeling.lora_targets import target_modules
from prlcoder.spec import Peft

AdapterTask = Literal["CAUSAL_LM", "TOKEN_CLS"]


def with_lora(model: Any, settings: Peft, *, base: str, task: AdapterTask, seed: int) -> Any:
    """``model`` with frozen weights and new adapters in float32; the same adapters for the same seed.

    ``base`` is the model's folder or hub id, which the saved adapter names. The adapters begin as zero, so that the
    wrapped model computes what the base computes. ``InputError`` if the model has no layer of a name in
    ``settings.target_modules``.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=target_modules(model, settings.target_modules, base),
        task_type=task,
        fan_in_fan_out=_has_transposed_weights(model),
    )
    # PEFT looks for the base's config.json to see whether its vocabulary has grown; an adapter as a base has none.
    warnings.filterwarnings("ignore", message="Could not find a config file")
    torch.manual_seed(seed)
    wrapped = get_peft_model(model, config)
    _train_in_float32(wrapped)
    # A relative path would depend on the folder in which the adapter is loaded.
    config.base_model_name_or_path = str(Path(base).resolve()) if Path(base).is_dir() else base
    return wrapped


def _train_in_float32(model: Any) -> None:
    """Give everything that is trained float32 weights; a head above a smaller backbone converts its input."""

    def convert(module: Any, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return tuple(value.to(module.weight.dtype) for value in inputs)

    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
    for name, module in model.named_modules():
        # PEFT keeps the trained copy of a head in a dictionary of this name.
        if isinstance(module, torch.nn.Linear) and ".modules_to_save." in f".{name}":
            module.register_forward_pre_hook(convert)


def _has_transposed_weights(model: Any) -> bool:
    from transformers.pytorch_utils import Conv1D

    return any(isinstance(module, Conv1D) for module in model.modules())
