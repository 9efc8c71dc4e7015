"""Loading a policy's weights: full checkpoints, and LoRA adapters on top of one. Nothing half-loaded is returned."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from prlcoder.errors import InputError
from prlcoder.modeling.cpu import settle_cpu

ADAPTER_CONFIG = "adapter_config.json"


@dataclass(frozen=True)
class Checkpoint:
    """A causal language model in memory, and the token ids after which nothing follows."""

    model: Any
    tokenizer: Any
    ends: list[int]

    @property
    def max_length(self) -> int:
        """Tokens that prompt and completion may have together."""
        length: int = self.model.config.get_text_config().max_position_embeddings
        return length


def load(path: str, *, adapter: str | None = None) -> Checkpoint:
    """A folder or hub id, with an adapter merged into it. ``InputError`` if either cannot be loaded, or if weights
    are missing, which would be replaced by random ones."""
    model, tokenizer, missing = pretrained(AutoModelForCausalLM, path)
    if missing:
        raise InputError(f"model {path}: lacks weights ({missing[0]}); give a complete checkpoint of a causal model")
    if adapter is not None:
        model = _merged(model, adapter)
    return Checkpoint(on_best_device(model), tokenizer, _ends(tokenizer, model))


def pretrained(kind: Any, path: str) -> tuple[Any, Any, list[str]]:
    """A folder's or hub id's model of this ``AutoModel`` kind, its tokenizer, and the names of the weights that it
    lacks, which are random now. ``InputError`` if it cannot be loaded."""
    settle_cpu()
    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(path)
        model, found = kind.from_pretrained(path, dtype="auto", output_loading_info=True)
    except Exception as error:  # every kind that the hub, safetensors and torch raise for a broken checkpoint
        raise unloadable("model", path, error) from error
    return model, tokenizer, sorted(found["missing_keys"])


def on_best_device(model: Any) -> Any:
    """The model on the GPU if there is one, for inference."""
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval()


def unloadable(what: str, path: str, error: Exception) -> InputError:
    """The message that something at ``path`` cannot be loaded."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    return InputError(f"{what} {path}: cannot be loaded ({reason}); check the path and the files in it")


def template_name(path: str, tokenizer: Any) -> str:
    """The template that a model was trained with, as its folder says; else the tokenizer's own chat, else plain."""
    named = Path(path) / "prompt_template.json"
    if named.is_file():
        return str(json.loads(named.read_text())["name"])
    return "chat" if getattr(tokenizer, "chat_template", None) else "plain"


def _merged(model: Any, adapter: str) -> Any:
    from peft import PeftModel

    try:
        return PeftModel.from_pretrained(model, adapter).merge_and_unload()
    except Exception as error:  # as above
        raise unloadable("adapter", adapter, error) from error


def _ends(tokenizer: Any, model: Any) -> list[int]:
    """The tokenizer's EOS and those that the model itself names."""
    named = model.generation_config.eos_token_id
    listed = named if isinstance(named, list) else [named]
    return [end for end in dict.fromkeys([tokenizer.eos_token_id, *listed]) if end is not None]
