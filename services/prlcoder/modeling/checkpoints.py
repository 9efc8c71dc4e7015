"""Loads model folders and hub ids: full checkpoints, and LoRA adapters merged into one.

A model is returned only if all of its weights were found in its files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from prlcoder.errors import InputError
from prlcoder.modeling.adapters import load_model, merge, tokenizer_location
from prlcoder.modeling.cpu import settle_cpu


@dataclass(frozen=True)
class Checkpoint:
    """A causal language model in memory with its tokenizer; ``ends`` are the token ids that end a text."""

    model: Any
    tokenizer: Any
    ends: list[int]

    @property
    def max_length(self) -> int:
        """Maximum number of tokens of prompt and completion together."""
        length: int = self.model.config.get_text_config().max_position_embeddings
        return length


def load(path: str, *, adapter: str | None = None) -> Checkpoint:
    """The causal model of a folder or hub id, with the adapter merged into it if one is given.

    Raises ``InputError`` if either cannot be loaded or if weights are missing. ``transformers`` would replace missing
    weights by random ones and only log a warning.
    """
    model, tokenizer, missing = pretrained(AutoModelForCausalLM, path)
    if missing:
        raise InputError(f"model {path}: lacks weights ({missing[0]}); give a complete checkpoint of a causal model")
    if adapter is not None:
        model = _merged(model, adapter)
    return Checkpoint(on_best_device(model), tokenizer, _ends(tokenizer, model))


def pretrained(kind: Any, path: str) -> tuple[Any, Any, list[str]]:
    """Loads a model with the ``AutoModel`` class ``kind``; policies and reward models are both loaded here.

    Returns the model, its tokenizer, and the sorted names of the weights that were missing and are random now.
    Raises ``InputError`` if the model cannot be loaded.
    """
    settle_cpu()
    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(tokenizer_location(path))
        model, missing = load_model(kind, path, dtype="auto")
    except InputError:
        raise
    except Exception as error:  # the hub, safetensors and torch raise many kinds for a broken checkpoint
        raise unloadable("model", path, error) from error
    return model, tokenizer, missing


def on_best_device(model: Any) -> Any:
    """The model in evaluation mode, on the GPU if there is one."""
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval()


def unloadable(what: str, path: str, error: Exception) -> InputError:
    """The error for a model or an adapter (``what``) at ``path`` that cannot be loaded."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    return InputError(f"{what} {path}: cannot be loaded ({reason}); check the path and the files in it")


def template_name(path: str, tokenizer: Any) -> str:
    """A model's prompt template: the one its folder names, else ``chat`` if its tokenizer has one, else ``plain``.

    Training writes the name into ``prompt_template.json`` beside the weights.
    """
    named = Path(path) / "prompt_template.json"
    if named.is_file():
        return str(json.loads(named.read_text())["name"])
    return "chat" if getattr(tokenizer, "chat_template", None) else "plain"


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
