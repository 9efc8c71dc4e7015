"""A model's configuration, and the facts that its families name differently: context length and embedding rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from prlcoder.errors import InputError
from prlcoder.modeling.model_source import ModelSource, reason, unloadable

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
MIN_BLAMED_CHARACTERS: Final = 8  # shorter names and values occur in messages about others
UNSTATED_CONTEXT: Final = 2048  # tokens, for families that state no limit anywhere (BLOOM, Mamba)
# Sizes that every family needs to be above zero, under the names that most families use.
_SIZE_FIELDS: Final = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    *_CONTEXT_FIELDS,
)


def load_config(path: str) -> Any:
    """The ``transformers`` configuration of a folder, hub id or GGUF file.

    Raises ``InputError`` for a folder without a configuration, an unknown family, invalid fields and quantised weights.
    """
    from transformers import AutoConfig

    source = ModelSource.of(path)
    if source.gguf_file is None:
        _require_config(source, path)
        if source.folder is not None:
            _require_sizes(source, path)
    try:
        config = AutoConfig.from_pretrained(**source.arguments)
    except Exception as error:  # the hub, JSON and transformers raise many kinds
        _require_family(source, path)
        if source.folder is None or source.gguf_file is not None or "trust_remote_code" in str(error):
            raise unloadable("model", path, error) from error
        raise invalid_config(source, path, error) from error
    if source.gguf_file is None:
        _require_plain_weights(config, path)
    return config


def invalid_config(source: ModelSource, path: str, error: Exception) -> InputError:
    """The error for a ``config.json`` from which ``transformers`` can make no configuration or no model."""
    field = _blamed_field(source.read_json("config.json") or {}, reason(error))
    where = f"config.json: {field}" if field else "config.json"
    return InputError(
        f"model {path}: {where}: the configuration is invalid ({reason(error)}); correct it, or give the config.json "
        "that was published with these weights"
    )


def _blamed_field(values: Mapping[str, Any], message: str) -> str | None:
    """The field of a configuration that an error message is about: one that it names, or one whose value it quotes."""
    fields = dict(_flattened(values))
    if "rope_parameters" in message and "rope_scaling" in values:
        return "rope_scaling"
    for name in sorted(fields, key=len, reverse=True):
        if name.rpartition(".")[2] in re.findall(r"\w+", message):
            return name
    quoted = re.findall(r"['\"`.]([\w./-]+)['\"`]", message)
    said = _letters(message)
    for name, value in fields.items():
        written = value if isinstance(value, str) else name.rpartition(".")[2]
        if written in quoted or (len(written) >= MIN_BLAMED_CHARACTERS and _letters(written) in said):
            return name
    return None


def _letters(text: str) -> str:
    """A text without what names differ in: ``flash_attention_2`` and ``FlashAttention2`` are one."""
    return re.sub(r"[\W_]", "", text).lower()


def _flattened(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """All fields with their values; those of nested objects as ``outer.inner``."""
    for name, value in values.items():
        yield prefix + name, value
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name}.")


def _require_sizes(source: ModelSource, path: str) -> None:
    """Raises ``InputError`` for a size of zero or below, by which a family's classes would divide."""
    for name, value in _flattened(source.read_json("config.json") or {}):
        field = name.rpartition(".")[2]
        if field in _SIZE_FIELDS and isinstance(value, int) and not isinstance(value, bool) and value <= 0:
            raise InputError(
                f"model {path}: config.json: {name}: is {value}, but a size is above 0; give the config.json that was "
                "published with these weights"
            )


def _require_plain_weights(config: Any, path: str) -> None:
    """Raises ``InputError`` for quantised weights: they cannot be trained, and need a package each to be read."""
    settings = getattr(config, "quantization_config", None)
    if settings is None:
        return
    method = settings.get("quant_method") if isinstance(settings, Mapping) else getattr(settings, "quant_method", None)
    raise InputError(
        f"model {path}: config.json: quantization_config: the weights are quantised ({method or 'unknown method'}), "
        "and quantised weights cannot be trained here; give the model's folder with float32, bfloat16 or float16 "
        "weights, or a GGUF file"
    )


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


def unloaded_model(kind: Any, config: Any, **settings: Any) -> Any:
    """A model of the ``from_pretrained`` class ``kind`` for a configuration, with random weights.

    The ``Auto`` classes and those that PRLCoder makes name this method differently.
    """
    make = getattr(kind, "from_config", None) or kind._from_config
    return make(config, **settings)


def embedding_rows(config: Any) -> int:
    """Number of rows of the embedding: token ids lie below it."""
    rows: int = config.get_text_config().vocab_size
    return rows
