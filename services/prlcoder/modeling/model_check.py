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
from prlcoder.modeling.adapter_check import check_adapter
from prlcoder.modeling.adapters import adapter_chain, base_config, below_adapters, classifier_config
from prlcoder.modeling.configs import context_length, embedding_rows
from prlcoder.modeling.family_check import check_family, check_fine_tunable
from prlcoder.modeling.lora_targets import HEADS, check_target_modules
from prlcoder.modeling.model_source import ModelSource
from prlcoder.modeling.spans import MAX_CHECKED_PROMPTS, check_template
from prlcoder.modeling.token_classifier import chosen_label, classifier_class, has_own_class
from prlcoder.modeling.tokenizer_check import check_eos, check_ids, check_tokenizer
from prlcoder.modeling.tokenizer_loading import load_tokenizer
from prlcoder.modeling.weight_files import check_weight_files
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
    sft: bool = False,
    reward: bool = False,
    target_modules: tuple[str, ...] = (),
) -> ModelFacts:
    """The facts of a base model that can be sampled from, with ``sft`` fine-tuned, and with ``reward`` made a reward
    model.

    The template is checked on every set of ``problem_sets``, by the set's name, and the names of the layers that get
    adapters in ``target_modules``. Raises ``InputError`` otherwise.
    """
    from transformers import AutoModelForCausalLM

    config = base_config(path)
    check_family(config, path)
    check_ids(path, config)
    _check_files(path, config, AutoModelForCausalLM)
    if sft:
        check_fine_tunable(config, path)
    tokenizer = load_tokenizer(path)
    check_eos(path, tokenizer)
    check_tokenizer(path, config, tokenizer, [one for found in (problem_sets or {}).values() for one in found])
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


def check_reward_base(path: str, *, template: PromptTemplate, problem_sets: Mapping[str, Sequence[Problem]]) -> None:
    """Raises ``InputError`` unless ``path`` is a model that a reward model's training can start from.

    That is a language model, or a reward model that is trained further.
    """
    config = base_config(path)
    _check_files(path, config, classifier_class(config), head=HEADS)
    tokenizer = load_tokenizer(path)
    check_tokenizer(path, config, tokenizer, [one for found in problem_sets.values() for one in found])
    for name, problems in problem_sets.items():
        _check_prompts(name, problems, template, tokenizer)


def check_reward_model(path: str) -> None:
    """Raises ``InputError`` unless ``path`` is a reward model that can score: a token classifier with two labels."""
    chain = adapter_chain(path)
    if chain and not chain[0].is_reward_model:
        raise InputError(f"model {path}: is the adapter of a policy and no reward model; give a reward model")
    config = classifier_config(path, chain[0].labels()) if chain else base_config(path)
    chosen_label(config, path)
    kind = classifier_class(config)
    if _check_files(path, config, kind, head=HEADS) and not chain:
        raise InputError(
            f"model {path}: is not a reward model (a token classifier with the labels rejected, chosen); give one, "
            "such as the folder `reward` of a run"
        )
    tokenizer = load_tokenizer(path)
    check_tokenizer(path, config, tokenizer)


def _check_files(path: str, config: Any, kind: Any, *, head: Sequence[str] = ()) -> list[str]:
    """Check the weights of a model, and of the adapters above it. Returns the names of missing weights of the head."""
    from transformers import AutoModelForCausalLM

    chain, whole = adapter_chain(path), below_adapters(path)
    missing = check_weight_files(ModelSource.of(whole), whole, config, kind, head=head)
    for adapter in chain:
        check_adapter(adapter, config, kind if adapter.is_reward_model else AutoModelForCausalLM)
    return missing


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
