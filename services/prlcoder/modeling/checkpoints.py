"""Loads model folders, hub ids and GGUF files: full checkpoints, and LoRA adapters merged into one.

A model is returned only if all of its weights were found in its files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from prlcoder.errors import InputError
from prlcoder.modeling.adapters import base_config, load_model, merge
from prlcoder.modeling.configs import context_length
from prlcoder.modeling.cpu import settle_cpu
from prlcoder.modeling.model_source import ModelSource, unloadable
from prlcoder.modeling.tokenizer_check import check_tokenizer
from prlcoder.modeling.tokenizer_loading import load_tokenizer
from prlcoder.problems.prompts import PromptTemplate

TEMPLATE_FILE = "prompt_template.json"  # written beside the weights by every training


@dataclass(frozen=True)
class Checkpoint:
    """A causal language model in memory with its tokenizer; ``ends`` are the token ids that end a text."""

    model: Any
    tokenizer: Any
    ends: list[int]

    @classmethod
    def of(cls, model: Any, tokenizer: Any) -> Checkpoint:
        """A model that is in memory already, such as one in training. It shares its weights with the checkpoint."""
        return cls(model, tokenizer, _ends(tokenizer, model))

    @property
    def max_length(self) -> int:
        """Maximum number of tokens of prompt and completion together."""
        return context_length(self.model.config, self.tokenizer)


def load(path: str, *, adapter: str | None = None) -> Checkpoint:
    """The causal model of a folder, hub id or GGUF file, with the adapter merged into it if one is given.

    Raises ``InputError`` if either cannot be loaded or if weights are missing. ``transformers`` would replace missing
    weights by random ones and only log a warning.
    """
    config, tokenizer = base_config(path), load_tokenizer(path)
    check_tokenizer(path, config, tokenizer)
    model, missing = load_weights(AutoModelForCausalLM, path, dtype="auto")
    if missing:
        raise InputError(f"model {path}: lacks weights ({missing[0]}); give a complete checkpoint of a causal model")
    if adapter is not None:
        model = _merged(model, adapter)
    return Checkpoint.of(on_best_device(model), tokenizer)


def load_weights(kind: Any, path: str, *, dtype: torch.dtype | str, **settings: Any) -> tuple[Any, list[str]]:
    """Loads a model with the ``from_pretrained`` class ``kind``; policies and reward models are both loaded here.

    ``settings`` go to ``from_pretrained``. Returns the model and the sorted names of the weights that were missing and
    are random now. Raises ``InputError`` if the model cannot be loaded.
    """
    settle_cpu()
    logging.disable_progress_bar()
    try:
        return load_model(kind, path, dtype=dtype, **settings)
    except InputError:
        raise
    except Exception as error:  # the hub, safetensors and torch raise many kinds for a broken checkpoint
        raise unloadable("model", path, error) from error


def on_best_device(model: Any) -> Any:
    """The model in evaluation mode, on the GPU if there is one."""
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval()


def model_template(path: str, tokenizer: Any) -> PromptTemplate:
    """A model's prompt template: the one its folder names, else ``chat`` if its tokenizer has one, else ``plain``."""
    folder = ModelSource.of(path).folder
    if folder is not None and (folder / TEMPLATE_FILE).is_file():
        return PromptTemplate.from_record(json.loads((folder / TEMPLATE_FILE).read_text(encoding="utf-8")))
    return PromptTemplate("chat" if getattr(tokenizer, "chat_template", None) else "plain")


def _merged(model: Any, adapter: str) -> Any:
    try:
        return merge(model, adapter)
    except Exception as error:  # PEFT, the hub and torch raise many kinds
        raise unloadable("adapter", adapter, error) from error


def _ends(tokenizer: Any, model: Any) -> list[int]:
    """The tokenizer's EOS, then the EOS ids of the model's generation config.

    Chat models often end a turn with a token that their tokenizer does not call EOS.
    """
    named = model.generation_config.eos_token_id
    listed = named if isinstance(named, list) else [named]
    return [end for end in dict.fromkeys([tokenizer.eos_token_id, *listed]) if end is not None]
