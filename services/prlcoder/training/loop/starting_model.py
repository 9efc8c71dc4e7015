"""The model that a training starts from: its weights in float32, or frozen below trainable adapters."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForCausalLM

from prlcoder.errors import InputError
from prlcoder.modeling.adapters import load_model
from prlcoder.training.loop.finite import first_not_finite
from prlcoder.training.loop.job import Job
from prlcoder.training.loop.lora import AdapterTask, with_lora


def loading_dtype(job: Job) -> torch.dtype:
    """Type in which a training loads its model. All weights that are trained are float32.

    An optimiser's small steps are lost in bfloat16, whose next number after 1 is 0.8 % away, and AdamW's epsilon is
    zero in float16. Only weights that stay frozen below adapters may have a smaller type.
    """
    return torch.float32 if job.peft is None else saved_dtype(job)


def saved_dtype(job: Job) -> torch.dtype:
    """Type of the weights in the model folder that the job writes."""
    dtype: torch.dtype = torch.float32 if job.dtype == "auto" else getattr(torch, job.dtype)
    return dtype


def starting_policy(job: Job, path: str) -> Any:
    """The language model at ``path``, ready for training. ``InputError`` if its files are incomplete or hold NaN."""
    model, missing = load_model(AutoModelForCausalLM, path, dtype=loading_dtype(job))
    if missing:
        raise InputError(f"model {path}: lacks weights ({missing[0]}); give a complete checkpoint of a causal model")
    return prepared(model, job, base=path, task="CAUSAL_LM")


def prepared(model: Any, job: Job, *, base: str, task: AdapterTask) -> Any:
    """``model`` with adapters if the job trains adapters. ``InputError`` if one of its weights is not finite."""
    if (name := first_not_finite((name, weight.detach()) for name, weight in model.named_parameters())) is not None:
        raise InputError(f"model {base}: its weight {name} contains a NaN or an infinity; give an undamaged checkpoint")
    if job.peft is None:
        return model
    wrapped = with_lora(model, job.peft, base=base, task=task, seed=job.seed)
    if job.section.gradient_checkpointing:
        wrapped.enable_input_require_grads()  # frozen embeddings would leave the first checkpointed layer without one
    return wrapped
