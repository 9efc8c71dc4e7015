"""Decides before any work whether a model can be used: from its configuration, tokenizer and tensor headers alone.

A model that passes can still be bad at programming. A model that fails would have been trained on other tokens than it
writes, would have scored with random or inverted weights, or would have failed after hours. Each ``InputError`` names
the file and the field, says why, and says what to do. No weights are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prlcoder.errors import InputError
from prlcoder.modeling.adapters import below_adapters
from prlcoder.modeling.configs import context_length, embedding_rows, load_config
from prlcoder.modeling.lora_targets import check_target_modules
from prlcoder.modeling.model_source import ModelSource
from prlcoder.modeling.safetensors_check import check_weight_files
from prlcoder.modeling.spans import MAX_CHECKED_PROMPTS, check_template
from prlcoder.modeling.token_classifier import classifier_class, has_own_class
from prlcoder.modeling.tokenizer_check import check_eos, check_tokenizer
from prlcoder.modeling.tokenizer_loading import load_tokenizer
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import PromptTemplate, render


@dataclass(frozen=True)
class ModelFacts:
    """What the check has found out about a usable model."""

    family: str
    tokenizer: str
    context: int
    rows: int
    head: str  # class of the token classifier that a reward model gets

    def __str__(self) -> str:
        return (
            f"{self.family}, tokenizer {self.tokenizer} with {self.rows:,} embedding rows, context {self.context:,} "
            f"tokens, reward model {self.head}"
        )


def check_model(
    path: str,
    *,
    template: PromptTemplate | None = None,
    problem_sets: Mapping[str, Sequence[Problem]] | None = None,
    reward: bool = False,
    target_modules: tuple[str, ...] = (),
) -> ModelFacts:
    """The facts of a base model that can be trained, sampled and, with ``reward``, made a reward model.

    The template is checked on every set of ``problem_sets``, by the set's name, and the names of the layers that get
    adapters in ``target_modules``. Raises ``InputError`` otherwise.
    """
    whole = below_adapters(path)
    config = load_config(whole)
    _check_causal(config, path)
    check_weight_files(ModelSource.of(whole), config)
    tokenizer = load_tokenizer(path)
    check_tokenizer(path, config, tokenizer, [one for found in (problem_sets or {}).values() for one in found])
    check_eos(path, tokenizer)
    head = classifier_class(config) if reward else None
    if target_modules:
        check_target_modules(config, target_modules, path)
    if template is not None:
        for name, problems in (problem_sets or {}).items():
            _check_prompts(name, problems, template, tokenizer)
    return ModelFacts(
        family=config.model_type,
        tokenizer=type(tokenizer).__name__,
        context=context_length(config, tokenizer),
        rows=embedding_rows(config),
        head=_head_name(config, head),
    )


def _check_causal(config: Any, path: str) -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_MASKED_LM_MAPPING

    # BERT and its like have a causal class too, but their attention sees the whole text unless they are decoders.
    masked = type(config) in MODEL_FOR_MASKED_LM_MAPPING and not getattr(config, "is_decoder", False)
    known = type(config) in MODEL_FOR_CAUSAL_LM_MAPPING or "AutoModelForCausalLM" in getattr(config, "auto_map", {})
    if masked or not known or getattr(config, "is_encoder_decoder", False):
        raise InputError(
            f"model {path}: config.json: model_type: {config.model_type!r} is no causal language model; choose a model "
            "that writes text from left to right, such as one of docs/models.md"
        )


def _check_prompts(name: str, problems: Sequence[Problem], template: PromptTemplate, tokenizer: Any) -> None:
    solved = [one for one in problems if one.solutions][:MAX_CHECKED_PROMPTS]
    shown = solved or problems[:1]  # rendering one shows at least whether the template can be rendered
    prompts = [render(one, template, tokenizer) for one in shown]
    try:
        check_template(tokenizer, template.name, prompts[: len(solved)], [one.canonical for one in solved])
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def _head_name(config: Any, head: Any) -> str:
    if head is None:
        return "not asked for"
    return "as in transformers" if has_own_class(config) else f"{head.__name__}, made by PRLCoder"
