"""Which layers of a model get low-rank adapters (``model.peft.targetModules``)."""

from __future__ import annotations

from typing import Any, Final

import torch

from prlcoder.errors import InputError

HEADS: Final = ("score", "classifier")  # of token classifiers: they are trained as a whole, beside the adapters
MAX_NAMES_SHOWN: Final = 12


def target_modules(model: Any, names: tuple[str, ...] | None, base: str) -> list[str]:
    """``names``, or the names of all linear layers below the head. ``InputError`` for a name that no layer has."""
    linear = _linear_layers(model)
    if names is None:
        return linear
    modules = [name for name, _ in model.named_modules()]
    for wanted in names:
        if not any(name == wanted or name.endswith(f".{wanted}") for name in modules):
            shown = ", ".join(linear[:MAX_NAMES_SHOWN])
            raise InputError(
                f"model.peft.targetModules: {wanted}: {base} has no layer of this name; its linear layers are {shown}"
            )
    return list(names)


def _linear_layers(model: Any) -> list[str]:
    """The last parts of the names of all linear layers but the output heads, sorted."""
    from transformers.pytorch_utils import Conv1D  # GPT-2's linear layer

    output = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    found = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D) and module is not output
    }
    return sorted(found - set(HEADS))


def check_target_modules(config: Any, names: tuple[str, ...], base: str) -> None:
    """``target_modules`` for the model of a configuration, without its weights. ``InputError`` as there."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):  # shapes only: no memory, and seconds for any size
        model = AutoModelForCausalLM.from_config(config)
    target_modules(model, names, base)
