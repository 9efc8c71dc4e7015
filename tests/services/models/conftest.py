"""Tiny models with random weights: a policy, a second one, a LoRA adapter, and two reward models, made in seconds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

from prlcoder.problems.model import Problem
from prlcoder.problems.nano.stream import stream
from prlcoder.problems.nano.suite import problems
from prlcoder.spec.models import NanoSuite


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder runs a model."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.training)


@pytest.fixture(scope="session")
def suite() -> tuple[Problem, ...]:
    """Twelve problems with their solutions."""
    return tuple(problems(NanoSuite(train=12, validation=1, test=1)))[:12]


@pytest.fixture(scope="session")
def texts(suite: tuple[Problem, ...]) -> list[str]:
    """Programs with their statements, to train tokenizers on."""
    return [f"{item.statement}\n{item.program}" for item in stream(300, seed=7, exclude=suite)]


@pytest.fixture(scope="session")
def tokenizer(texts: list[str]) -> Any:
    """A byte-level BPE, for the reward models: what follows a text may change its last tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=["<pad>", "<eos>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    bpe.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token="<pad>", eos_token="<eos>", clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip


def _policy(tokenizer: Any, seed: int, folder: Path, **shape: int) -> Path:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    sizes = {
        "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 2, "max_position_embeddings": 512,
    } | shape  # fmt: skip
    config = LlamaConfig(
        vocab_size=len(tokenizer), eos_token_id=tokenizer.eos_token_id, bos_token_id=None,
        pad_token_id=tokenizer.pad_token_id, initializer_range=0.2, **sizes,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def policies(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """``first`` and ``second`` differ in their weights, ``wider`` in its shape. Every token is whole characters."""
    from prlcoder.modeling.tokenizer import nano_tokenizer

    tokenizer = nano_tokenizer(texts)
    folder = tmp_path_factory.mktemp("policies")
    return {
        "first": _policy(tokenizer, 0, folder / "first"),
        "second": _policy(tokenizer, 1, folder / "second"),
        "wider": _policy(tokenizer, 0, folder / "wider", hidden_size=128, num_attention_heads=4),
    }


@pytest.fixture(scope="session")
def adapter(policies: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter for ``first`` that changes what it writes."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(2)
    model = AutoModelForCausalLM.from_pretrained(policies["first"])
    settings = LoraConfig(r=8, lora_alpha=64, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    folder = tmp_path_factory.mktemp("adapter")
    get_peft_model(model, settings).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def reward_models(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """``first`` and ``second``, with heads that tell steps apart."""
    import torch

    from prlcoder.training.stages.reward import step_classifier

    folder = tmp_path_factory.mktemp("reward_models")
    for seed, name in enumerate(("first", "second")):
        model = step_classifier(str(_policy(tokenizer, seed, folder / "base" / name)), seed=0)
        torch.nn.init.normal_(model.score.weight, std=0.3)
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    return {name: folder / name for name in ("first", "second")}
