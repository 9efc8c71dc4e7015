"""Decides by a model's configuration whether its family can be sampled from and trained."""

from __future__ import annotations

from typing import Any

import torch

from prlcoder.errors import InputError
from prlcoder.modeling.configs import unloaded_model


def check_family(config: Any, path: str) -> None:
    """Raises ``InputError`` unless the family is a causal language model with attention."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_MASKED_LM_MAPPING

    # BERT and its like have a causal class too, but their attention sees the whole text unless they are decoders.
    masked = type(config) in MODEL_FOR_MASKED_LM_MAPPING and not getattr(config, "is_decoder", False)
    known = type(config) in MODEL_FOR_CAUSAL_LM_MAPPING or "AutoModelForCausalLM" in getattr(config, "auto_map", {})
    if masked or not known or getattr(config, "is_encoder_decoder", False):
        raise _refusal(
            config, path, "is no causal language model", "choose a model that writes text from left to right, such as"
        )
    recurrent = getattr(MODEL_FOR_CAUSAL_LM_MAPPING.get(type(config), None), "_is_stateful", False)
    if recurrent and not hasattr(config.get_text_config(), "num_attention_heads"):
        raise _refusal(
            config,
            path,
            "has recurrent layers and no attention, and a recurrent state can be neither padded nor shared between "
            "programs",
            "choose a family with attention, such as",
        )


def check_fine_tunable(config: Any, path: str) -> None:
    """Raises ``InputError`` for families whose loss the stage ``sft`` cannot compute, because TRL cannot."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):  # shapes only: no memory, and seconds for any size
        model = unloaded_model(AutoModelForCausalLM, config)
    if model.base_model is model:
        raise _refusal(
            config,
            path,
            "has no base model apart from its head, so the loss cannot be computed in parts",
            "choose another family, such as",
        )
    text = config.get_text_config()
    weight: float | None = getattr(text, "router_aux_loss_coef", None)
    if hasattr(text, "output_router_logits") and weight and not hasattr(text, "num_experts"):
        raise _refusal(
            config,
            path,
            "is a mixture of experts that does not say num_experts, so its balancing loss cannot be computed",
            "set router_aux_loss_coef to 0.0 in config.json, or choose another family, such as",
        )


def _refusal(config: Any, path: str, what: str, remedy: str) -> InputError:
    return InputError(
        f"model {path}: config.json: model_type: {config.model_type!r} {what}; {remedy} one of docs/models.md"
    )
