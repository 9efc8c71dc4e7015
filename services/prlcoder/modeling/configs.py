"""A model's configuration, and the facts that its families name differently: context length and embedding rows."""

from __future__ import annotations

from typing import Any, Final

from prlcoder.errors import InputError
from prlcoder.modeling.model_source import ModelSource, unloadable

# Names of the longest sequence, the most common first: Llama; GPT-2; BLOOM and Falcon; MPT; DBRX; CodeGen.
_CONTEXT_FIELDS: Final = (
    "max_position_embeddings",
    "n_positions",
    "seq_length",
    "max_seq_len",
    "max_sequence_length",
    "n_ctx",
)
MAX_STATED_LENGTH: Final = 10**9  # tokenizers without a limit state a number far above this one
UNSTATED_CONTEXT: Final = 2048  # tokens, for families that state no limit anywhere (BLOOM, Mamba)


def load_config(path: str) -> Any:
    """The ``transformers`` configuration of a folder, hub id or GGUF file.

    Raises ``InputError`` for a folder without a configuration and for an unknown family.
    """
    from transformers import AutoConfig

    source = ModelSource.of(path)
    if source.gguf_file is None:
        _require_config(source, path)
    try:
        return AutoConfig.from_pretrained(**source.arguments)
    except Exception as error:  # the hub, JSON and transformers raise many kinds
        _require_family(source, path)
        raise unloadable("model", path, error) from error


def _require_config(source: ModelSource, path: str) -> None:
    folder = source.folder
    if folder is None or (folder / "config.json").is_file():
        return
    raise InputError(
        f"model {path}: cannot be loaded (the folder contains no config.json); give the folder that save_pretrained or "
        "the hub's download made, with config.json, tokenizer.json and *.safetensors"
    )


def _require_family(source: ModelSource, path: str) -> None:
    """Raises ``InputError`` if ``config.json`` is damaged, or names no family or one that transformers lacks."""
    import transformers

    values = source.read_json("config.json")
    if values is None or "auto_map" in values or source.gguf_file is not None:
        return
    family = values.get("model_type")
    if family is None:
        raise InputError(f"model {path}: config.json: model_type: is missing; give the complete config.json")
    if family not in transformers.CONFIG_MAPPING:
        raise InputError(
            f"model {path}: config.json: model_type: the installed transformers {transformers.__version__} does not "
            f"know {family!r}; update transformers, or choose a model of a family in docs/models.md"
        )


def context_length(config: Any, tokenizer: Any) -> int:
    """Maximum number of tokens of one sequence.

    It is the first limit that the configuration states under any of its families' names, else the limit of the
    tokenizer, else ``UNSTATED_CONTEXT``.

    >>> from types import SimpleNamespace as Config
    >>> context_length(Config(seq_length=4096), Config(model_max_length=10**30)), context_length(Config(), Config())
    (4096, 2048)
    """
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    for field in _CONTEXT_FIELDS:
        value = getattr(text, field, None)
        if isinstance(value, int) and value > 0:
            return value
    stated = getattr(tokenizer, "model_max_length", None)
    return int(stated) if isinstance(stated, int) and stated < MAX_STATED_LENGTH else UNSTATED_CONTEXT


def embedding_rows(config: Any) -> int:
    """Number of rows of the embedding: token ids lie below it."""
    rows: int = config.get_text_config().vocab_size
    return rows
