"""Tiny tokenizers, models, runs and supervision folders, all made here in seconds."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

from prlcoder.problems.model import Problem
from prlcoder.problems.nano.stream import stream
from prlcoder.problems.nano.suite import problems
from prlcoder.segmenter import segment
from prlcoder.spec.models import Model, NanoSuite, Problems, Scratch, Spec
from prlcoder.stages.context import StageContext
from prlcoder.supervision import store
from prlcoder.supervision.rows import Pair, Program, Row, Step


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder trains something small."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.training)


@pytest.fixture(scope="session")
def suite() -> tuple[Problem, ...]:
    """Twelve training, three validation and three test problems."""
    return tuple(problems(NanoSuite(train=12, validation=3, test=3)))


@pytest.fixture(scope="session")
def texts(suite: tuple[Problem, ...]) -> list[str]:
    """Programs with their statements, to train tokenizers on."""
    return [f"{item.statement}\n{item.program}" for item in stream(300, seed=7, exclude=suite)]


def byte_level(texts: list[str], family: str) -> Any:
    """A byte-level BPE of one of the two newline families of contracts, section 1."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    if family == "before":  # a newline merges with what stands before it: cl100k, Qwen, Llama 3
        pieces = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
        split = pre_tokenizers.Split(Regex(pieces), behavior="isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        )
    else:  # it merges with what follows: GPT-2, StarCoder
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=["<pad>", "<eos>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>", clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip


@pytest.fixture(scope="session")
def tokenizers(texts: list[str]) -> dict[str, Any]:
    """A tokenizer of each newline family by where newlines go: ``before`` and ``after``."""
    return {family: byte_level(texts, family) for family in ("before", "after")}


@pytest.fixture(scope="session")
def model_folders(tokenizers: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Random weights: a tiny Llama with the tokenizer ``after``, a tiny Qwen2 with ``before``."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    shape = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": 512, "initializer_range": 0.2,
    }  # fmt: skip
    folders = {}
    for name, family, config_class, model_class in (
        ("llama", "after", LlamaConfig, LlamaForCausalLM),
        ("qwen2", "before", Qwen2Config, Qwen2ForCausalLM),
    ):
        tokenizer = tokenizers[family]
        config = config_class(
            vocab_size=len(tokenizer), eos_token_id=tokenizer.eos_token_id, bos_token_id=None,
            pad_token_id=tokenizer.pad_token_id, **shape,
        )  # fmt: skip
        folders[name] = tmp_path_factory.mktemp(name)
        model_class(config).save_pretrained(folders[name])
        tokenizer.save_pretrained(folders[name])
    return folders


@pytest.fixture(scope="session")
def nano_folder(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The nano preset with random weights."""
    from prlcoder.modeling.scratch import build
    from prlcoder.modeling.tokenizer import nano_tokenizer

    folder = tmp_path_factory.mktemp("nano")
    tokenizer = nano_tokenizer(texts)
    build("nano", tokenizer, seed=0, max_length=512).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def labelled_rows(problem: Problem) -> dict[str, list[Row]]:
    """The canonical steps of a problem, one wrong variant of each, the pairs of both, and two programs."""
    rows: dict[str, list[Row]] = {"steps": [], "pairs": [], "programs": []}
    source = problem.canonical
    for index, part in enumerate(segment(source, "line")):
        if not part.is_step or part.end <= len(problem.prompt):
            continue
        prefix, rest = source[: part.start], source[part.end :]
        wrong = part.text.rstrip("\n") + "1\n"
        for label, text, origin, verdict in (
            ("chosen", part.text, "canonical", "passed"),
            ("rejected", wrong, "policy", "wrong_answer"),
        ):
            rows["steps"].append(
                Step(
                    problem.id, index, part.start, part.start + len(text), prefix, text, rest, label, label, origin,
                    "", "", verdict, "", part.kind,
                )
            )  # fmt: skip
        rows["pairs"].append(Pair(problem.id, index, prefix, part.text, wrong, rest, "canonical", "policy"))
    rows["programs"] = [Program(problem.id, source, "chosen", "passed", origin) for origin in ("canonical", "policy")]
    return rows


@pytest.fixture(scope="session")
def supervision(suite: tuple[Problem, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A supervision folder of the training problems and, for the reward model's metrics, the validation problems."""
    folder = tmp_path_factory.mktemp("supervision")
    for table in ("steps", "pairs", "programs"):
        rows = [row for problem in suite if problem.split != "test" for row in labelled_rows(problem)[table]]
        store.write_table(store.table_path(folder, table, 0), table, rows)
    return folder


@pytest.fixture(scope="session")
def make_context(suite: tuple[Problem, ...], nano_folder: Path, supervision: Path) -> Callable[..., StageContext]:
    """``make_context(folder, **sections)``: a stage's context with its own work and output folders."""

    def make(folder: Path, **sections: Any) -> StageContext:
        spec = Spec(
            model=Model(scratch=Scratch(), prompt_template="nano", max_length=512),
            problems=Problems(source="nano"),
            **sections,
        )
        for name in ("work", "output"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        split = {name: tuple(p for p in suite if p.split == name) for name in ("train", "validation", "test")}
        artifacts = {"pretrain": nano_folder, "supervise": supervision}
        return StageContext(spec, folder / "work", folder / "output", artifacts, **split)

    return make
