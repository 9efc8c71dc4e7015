"""Loads a model's tokenizer so that its tokens decode to the text again.

``transformers`` takes the class that ``tokenizer_config.json`` names and may rebuild the tokenizer in that class's own
way. For DeepSeek's folders that destroys the file: their ``tokenizer.json`` is byte-level, but they name
``LlamaTokenizerFast``, whose rebuilt tokenizer drops all spaces and newlines. ``transformers`` repairs this by the
model's name on the hub; here it is repaired by what the file says, so that a local folder works as well.
"""

from __future__ import annotations

import json
import re
from typing import Any

from prlcoder.errors import InputError
from prlcoder.modeling.adapters import below_adapters, tokenizer_location
from prlcoder.modeling.model_source import ModelSource, require_whole, unloadable

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")  # one of which every published folder has
PROBE = "def f(a):\n    return a + 1\n"


def load_tokenizer(path: str) -> Any:
    """The tokenizer of a folder, hub id or GGUF file.

    A missing padding token becomes EOS, and so does one without a row in the embedding: padding is always masked, so
    any id within the embedding will do. Raises ``InputError`` if the tokenizer cannot be loaded or has no EOS.
    """
    from transformers import AutoTokenizer

    source = ModelSource.of(tokenizer_location(path))
    try:
        tokenizer = AutoTokenizer.from_pretrained(**source.arguments)
    except Exception as error:  # the hub, JSON and tokenizers raise many kinds
        _require_files(source)
        if "trust_remote_code" in str(error) or source.folder is None or source.file("tokenizer.json") is None:
            raise unloadable("tokenizer", path, error) from error
        tokenizer = _as_the_file_says(source, path)  # the class that the configuration names cannot read the file
    if _differs_from_file(source, tokenizer):
        tokenizer = _as_the_file_says(source, path)
    if tokenizer.eos_token_id is None:
        raise InputError(f"model {path}: tokenizer_config.json: eos_token: is missing, so no program could end; set it")
    rows = _embedding_rows(ModelSource.of(below_adapters(path)))
    if tokenizer.pad_token_id is None or (rows is not None and tokenizer.pad_token_id >= rows):
        tokenizer.pad_token = tokenizer.eos_token
    # Some configurations ask for the space before "!=" and other signs to be removed. That would be another program.
    tokenizer.clean_up_tokenization_spaces = False
    return tokenizer


def _require_files(source: ModelSource) -> None:
    """Raises ``InputError`` if a local folder has no tokenizer, or one of its files is damaged."""
    if source.gguf_file is not None or source.folder is None:
        return
    if not any((source.folder / name).is_file() for name in TOKENIZER_FILES):
        raise InputError(
            f"model {source.location}: contains no tokenizer.json; copy tokenizer.json and tokenizer_config.json of "
            "the same model into the folder"
        )
    for name in TOKENIZER_FILES:
        require_whole(source.folder / name)
    source.read_json("tokenizer_config.json")
    values = source.read_json("tokenizer.json")
    if values is not None and not values.get("model"):
        raise InputError(f"{source.folder / 'tokenizer.json'}: model: is missing; download the file again")


def _embedding_rows(source: ModelSource) -> int | None:
    """The size of the vocabulary that ``config.json`` states, if it states one."""
    config = source.read_json("config.json") or {}
    rows: int | None = config.get("vocab_size", (config.get("text_config") or {}).get("vocab_size"))
    return rows


def _differs_from_file(source: ModelSource, tokenizer: Any) -> bool:
    """Whether ``tokenizer.json`` is byte-level and the loaded tokenizer splits texts in another way."""
    if source.gguf_file is not None or not getattr(tokenizer, "is_fast", False):
        return False
    file = source.read_json("tokenizer.json") or {}
    loaded = json.loads(tokenizer.backend_tokenizer.to_str())
    return _is_byte_level(file) and _splitting(file) != _splitting(loaded)


def _splitting(tokenizer: dict[str, Any]) -> str:
    """How a parsed ``tokenizer.json`` normalises and splits a text, without the offsets that it reports."""
    parts = json.dumps([tokenizer.get("normalizer"), tokenizer.get("pre_tokenizer")], sort_keys=True)
    return re.sub(r', "trim_offsets": \w+', "", parts)


def _is_byte_level(tokenizer: dict[str, Any]) -> bool:
    """Whether the pre-tokenizer of a parsed ``tokenizer.json`` turns bytes into characters."""
    found = tokenizer.get("pre_tokenizer") or {}
    parts = found.get("pretokenizers", [found])
    return any(part.get("type") == "ByteLevel" for part in parts)


def _as_the_file_says(source: ModelSource, path: str) -> Any:
    """The tokenizer exactly as in ``tokenizer.json``, with the BOS that its configuration asks for."""
    from transformers import PreTrainedTokenizerFast

    try:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(**source.arguments)
    except Exception as error:  # as above
        raise unloadable("tokenizer", path, error) from error
    settings = source.read_json("tokenizer_config.json") or {}
    if settings.get("add_bos_token") and not tokenizer("", verbose=False)["input_ids"]:
        _add_bos(tokenizer)
    return tokenizer


def _add_bos(tokenizer: Any) -> None:
    """Put BOS before every text. The class that the configuration names did so, and the file itself does not."""
    from tokenizers.processors import Sequence, TemplateProcessing

    bos, number = tokenizer.bos_token, tokenizer.bos_token_id
    template = TemplateProcessing(single=[bos, "$A"], pair=[bos, "$A", bos, "$B:1"], special_tokens=[(bos, number)])
    backend = tokenizer.backend_tokenizer
    former = backend.post_processor
    backend.post_processor = template if former is None else Sequence([former, template])
