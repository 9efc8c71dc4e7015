"""Tokenizers and models with random weights, made from the presets."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from prlcoder.errors import InputError
from prlcoder.modeling.scratch_models import build
from prlcoder.modeling.scratch_tokenizers import nano_tokenizer, small_tokenizer
from prlcoder.modeling.spans import encode

pytestmark = pytest.mark.needs_torch


def test_nano_tokens_give_the_text_back_and_isolate_newlines_and_digits(texts: list[str]) -> None:
    tokenizer = nano_tokenizer(texts)
    assert len(tokenizer) <= 400
    for text in texts[:50]:
        encoded = encode(tokenizer, text)
        assert tokenizer.decode(encoded.ids) == text
        pieces = [text[a:b] for a, b in zip(encoded.starts, [*encoded.starts[1:], len(text)], strict=True)]
        assert all(piece == "\n" or "\n" not in piece for piece in pieces)
        assert all(len(piece) == 1 or not any(letter.isdigit() for letter in piece) for piece in pieces)


def test_nano_refuses_what_its_alphabet_lacks() -> None:
    with pytest.raises(InputError, match="nano: its alphabet is printable ASCII"):
        nano_tokenizer(["s = 'é'\n"])


@pytest.mark.parametrize("text", ["s = 'é🜁'\r\n\tif x:\n\n        pass", "  \n \n", ""])
def test_small_tokens_give_any_text_back(texts: list[str], text: str) -> None:
    tokenizer = small_tokenizer(texts)
    assert tokenizer.decode(encode(tokenizer, text).ids) == text


def test_a_saved_model_folder_loads_alone(nano_folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(nano_folder)
    model = AutoModelForCausalLM.from_pretrained(nano_folder)
    ids = tokenizer("def f(v0):\n", return_tensors="pt", return_token_type_ids=False)
    assert model(**ids).logits.shape == (1, ids["input_ids"].shape[1], len(tokenizer))
    assert tokenizer.apply_chat_template([{"role": "user", "content": "x"}], tokenize=False).startswith("###")


def test_the_seed_decides_the_weights(texts: list[str]) -> None:
    tokenizer = nano_tokenizer(texts)
    first, again, other = (build("nano", tokenizer, seed=seed, max_length=64).lm_head.weight for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_preset_sizes(texts: list[str]) -> None:
    tokenizer = small_tokenizer(texts)
    small = build("small", tokenizer, seed=0, max_length=64)
    embeddings = small.get_input_embeddings().weight.numel()
    assert 1.2e6 < small.num_parameters() - embeddings + 4096 * 128 < 1.4e6
