"""Checks that a tokenizer belongs to its model and that its tokens decode to programs again."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from prlcoder.errors import InputError
from prlcoder.modeling.adapters import below_adapters
from prlcoder.modeling.configs import embedding_rows
from prlcoder.modeling.model_source import ModelSource
from prlcoder.modeling.spans import encode
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import ModelInput

MAX_PROGRAMS: Final = 32  # of a problem set that are tokenised and decoded
# Spaces, newlines and indentation that every tokenizer of a model for programs must give back.
PROBES: Final = (
    "def f(a, b):\n    total = 0\n    for x in a:\n        if x != b:\n            total += x\n\n    return total\n",
    "class A:\n    def g(self):\n        return ['a', \"b\"]  # two  spaces\n",
)
NON_ASCII_PROBE: Final = "s = 'é, ∑ and 中'\n"
# A tokenizer with fewer tokens than this share of the embedding's rows belongs to another model. Published models pad
# their embeddings by a few percent.
MIN_VOCABULARY_SHARE: Final = 0.5


def check_tokenizer(path: str, config: Any, tokenizer: Any, problems: Sequence[Problem] = ()) -> None:
    """Raises ``InputError`` unless the tokenizer belongs to the model and its tokens decode to the text again.

    Services call it without problems; the built-in programs then have to do.
    """
    rows = embedding_rows(config)
    for name in ("eos_token", "bos_token"):
        id = getattr(tokenizer, f"{name}_id")
        if id is not None and id >= rows:
            raise InputError(
                f"model {path}: tokenizer_config.json: {name}: {getattr(tokenizer, name)!r} has the id {id}, but the "
                f"embedding has {rows} rows (config.json: vocab_size); give the model its own tokenizer, or resize the "
                "embedding with `resize_token_embeddings` and save the model again"
            )
    if len(tokenizer) < MIN_VOCABULARY_SHARE * rows:
        raise InputError(
            f"model {path}: tokenizer.json: has {len(tokenizer)} tokens for an embedding of {rows} rows "
            "(config.json: vocab_size), so it is the tokenizer of another model; give the model its own"
        )
    programs = list(islice((one.canonical for one in problems if one.solutions), MAX_PROGRAMS))
    for text in (*PROBES, *programs):
        _check_round_trip(path, tokenizer, rows, text)
    if tokenizer.unk_token_id is None:  # a small alphabet with an unknown token is a decision, and not a broken file
        _check_round_trip(path, tokenizer, rows, NON_ASCII_PROBE)


def check_ids(path: str, config: Any) -> None:
    """Raises ``InputError`` for an EOS, BOS or padding id of the model's files that has no row in the embedding."""
    source, rows = ModelSource.of(below_adapters(path)), embedding_rows(config)
    for name in ("config.json", "generation_config.json"):
        values = source.read_json(name) or {}
        for field in ("eos_token_id", "bos_token_id", "pad_token_id"):
            for id in _ids(values.get(field)):
                if id >= rows:
                    raise InputError(
                        f"model {path}: {name}: {field}: {id} has no row in the embedding, which has {rows} "
                        "(config.json: vocab_size); correct it to the id that the tokenizer has for this token"
                    )


def check_eos(path: str, tokenizer: Any) -> None:
    """Raises ``InputError`` unless the EOS of the configuration is a control token of the tokenizer or its EOS."""
    ends = _ids((ModelSource.of(below_adapters(path)).read_json("config.json") or {}).get("eos_token_id"))
    known = {tokenizer.eos_token_id, *getattr(tokenizer, "added_tokens_decoder", {})}
    if ends and not known & set(ends):
        shown = tokenizer.convert_ids_to_tokens(ends[0]) if ends[0] < len(tokenizer) else "no token"
        raise InputError(
            f"model {path}: config.json: eos_token_id: {ends[0]} is {shown!r} in tokenizer.json and no control token, "
            "so the tokenizer is another model's; give the model its own"
        )


def _ids(stated: Any) -> list[int]:
    """The token ids of a field that holds one, a list, or nothing."""
    return [one for one in (stated if isinstance(stated, list) else [stated]) if isinstance(one, int)]


def _check_round_trip(path: str, tokenizer: Any, rows: int, program: str) -> None:
    """The tokens of a program decode to the program, up to the Unicode composition that some tokenizers do."""
    ids = encode(tokenizer, ModelInput(program)).ids
    if too_large := [id for id in ids if id >= rows]:
        raise InputError(
            f"model {path}: tokenizer.json: the token {tokenizer.convert_ids_to_tokens(too_large[0])!r} has the id "
            f"{too_large[0]}, but the embedding has {rows} rows (config.json: vocab_size); give the model its own "
            "tokenizer"
        )
    decoded = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    if _composed(decoded).lstrip(" ") != _composed(program).lstrip(" "):  # some add a space before the first word
        at = next((i for i, (a, b) in enumerate(zip(decoded, program, strict=False)) if a != b), len(decoded))
        before = max(0, at - 10)
        raise InputError(
            f"model {path}: tokenizer.json: its tokens do not decode to the program again: "
            f"{program[before : at + 20]!r} becomes {decoded[before : at + 20]!r}; check tokenizer_class in "
            "tokenizer_config.json, which may name a class that the file is not for"
        )


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
