"""Sampling: equal to `generate` where that is defined, reproducible, independent of batches."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from prlcoder.policy.sampling import Piece, Sampling
from prlcoder.policy.transformers_engine import TransformersEngine

pytestmark = pytest.mark.needs_torch

PROMPTS = ["# 1: x\ndef f(v0):", "# a longer statement, so that rows are padded\ndef f(v0):", "def"]
MODELS = ("llama", "qwen2")


@pytest.mark.parametrize("name", MODELS)
def test_greedy_completions_are_those_of_generate(model_folders: dict[str, Path], name: str) -> None:
    folder = model_folders[name]
    engine = TransformersEngine(str(folder), batch_size=2, max_new_tokens=100)
    found = engine.generate(PROMPTS, samples=2, temperature=0, seed=0)
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    for prompt, completions in zip(PROMPTS, found, strict=True):
        ids = tokenizer(prompt, return_tensors="pt", return_token_type_ids=False)
        with torch.inference_mode():
            output = model.generate(**ids, do_sample=False, max_new_tokens=100)
        written = output[0, ids["input_ids"].shape[1] :].tolist()
        expected = tokenizer.decode(written[:-1] if written[-1] == tokenizer.eos_token_id else written)
        assert completions == [expected, expected]


@pytest.mark.parametrize("name", MODELS)
def test_samples_depend_on_the_seed_and_not_on_the_batch(model_folders: dict[str, Path], name: str) -> None:
    def sample(seed: int, batch_size: int) -> list[list[str]]:
        engine = TransformersEngine(str(model_folders[name]), batch_size=batch_size, max_new_tokens=40)
        return engine.generate(PROMPTS, samples=4, temperature=1.0, seed=seed)

    first = sample(1, 128)
    assert first == sample(1, 128) == sample(1, 5)
    assert first != sample(2, 128)
    assert all(len(set(completions)) > 1 for completions in first)


def test_a_long_prompt_pads_no_short_ones(model_folders: dict[str, Path]) -> None:
    engine = TransformersEngine(str(model_folders["llama"]), batch_size=8, max_new_tokens=5)
    read: list[tuple[int, ...]] = []
    engine._model.register_forward_pre_hook(
        lambda _, __, inputs: read.append(tuple(inputs["input_ids"].shape)), with_kwargs=True
    )
    texts = ["é" * 240, *PROMPTS, "é" * 100]
    found = engine.generate(texts, samples=1, temperature=0, seed=0)
    widths = sorted((len(engine.tokenizer(text)["input_ids"]) for text in texts), reverse=True)
    assert [shape for shape in read if shape[1] > 1] == [(1, widths[0]), (4, widths[1])]
    assert widths[0] - widths[1] > 256 > widths[1]
    assert found == [engine.generate([text], samples=1, temperature=0, seed=0)[0] for text in texts]


@pytest.mark.parametrize("name", MODELS)
def test_likelihoods_are_means_over_the_tokens_of_the_same_samples(model_folders: dict[str, Path], name: str) -> None:
    folder = model_folders[name]
    engine = TransformersEngine(str(folder), batch_size=3, max_new_tokens=12)
    found = engine.generate_with_likelihoods(PROMPTS, samples=2, temperature=0.7, seed=4)
    assert [[one.text for one in group] for group in found] == engine.generate(
        PROMPTS, samples=2, temperature=0.7, seed=4
    )
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    (piece,) = engine.stream(
        PROMPTS[:1], Sampling(samples=1, temperature=0.7, seed=4, log_probabilities=True, whole=True)
    )
    assert isinstance(piece, Piece)
    ids = tokenizer(PROMPTS[0], return_token_type_ids=False)["input_ids"]
    with torch.inference_mode():
        logits = model(torch.tensor([[*ids, *piece.ids]])).logits[0, len(ids) - 1 : -1]
    expected = torch.log_softmax(logits, dim=-1)[range(len(piece.ids)), list(piece.ids)].mean().item()
    assert found[0][0].mean_log_probability == pytest.approx(expected, abs=1e-4)


def test_sampling_follows_the_temperature(model_folders: dict[str, Path]) -> None:
    engine = TransformersEngine(str(model_folders["llama"]), max_new_tokens=20)
    greedy = engine.generate(PROMPTS[:1], samples=1, temperature=0, seed=0)
    assert engine.generate(PROMPTS[:1], samples=3, temperature=1e-4, seed=5) == [greedy[0] * 3]


def test_first_tokens_have_the_probabilities_of_the_model(model_folders: dict[str, Path]) -> None:
    folder, count = model_folders["qwen2"], 4000
    engine = TransformersEngine(str(folder), batch_size=count, max_new_tokens=1)
    drawn = engine.generate(["def f"], samples=count, temperature=0.7, seed=3)[0]
    ids = engine.tokenizer("def f", return_tensors="pt", return_token_type_ids=False)
    model = AutoModelForCausalLM.from_pretrained(folder)
    with torch.inference_mode():
        probabilities = torch.softmax(model(**ids).logits[0, -1] / 0.7, dim=-1)
    best = int(probabilities.argmax())
    expected = probabilities[best].item()
    share = drawn.count(engine.tokenizer.decode([best])) / count
    assert share == pytest.approx(expected, abs=4 * (expected * (1 - expected) / count) ** 0.5)


def test_a_completion_ends_before_the_stop_string(model_folders: dict[str, Path]) -> None:
    engine = TransformersEngine(str(model_folders["llama"]), max_new_tokens=60)
    free = engine.generate(PROMPTS, samples=3, temperature=1.0, seed=0)
    stop = free[0][0][20:22]
    stopped = engine.generate(PROMPTS, samples=3, temperature=1.0, seed=0, stop=[stop])
    assert stopped == [[text.split(stop)[0] for text in texts] for texts in free]


def test_a_prompt_that_fills_the_context_has_no_completion(model_folders: dict[str, Path]) -> None:
    engine = TransformersEngine(str(model_folders["llama"]))
    assert engine.generate(["é" * 600], samples=2, temperature=1.0, seed=0) == [["", ""]]
