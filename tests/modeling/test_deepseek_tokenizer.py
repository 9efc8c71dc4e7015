"""DeepSeek's published tokenizer in a local folder: a byte-level file that names a class which would destroy it.

``test_control_tokens.py`` builds a tokenizer with the same two properties, for machines without the published file.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.deepseek_tokenizer import FILES, deepseek_tokenizer

from prlcoder.modeling.model_check import check_model
from prlcoder.modeling.spans import completion_start, encode, encode_program
from prlcoder.modeling.tokenizer_loading import load_tokenizer
from prlcoder.policy.transformers_engine import TransformersEngine
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import PromptTemplate, render
from prlcoder.problems.reading import read
from prlcoder.segmenter import segment

pytestmark = pytest.mark.needs_torch

BOS, EOS = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"
VOCABULARY = 129_280  # of DeepSeek-V3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of one layer with DeepSeek's files, as DeepSeek-Coder 1.x is published; its name says nothing."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    source, target = deepseek_tokenizer(), tmp_path_factory.mktemp("downloaded")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=2048,
        bos_token_id=0,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(target)
    for name in FILES:
        shutil.copy(source / name, target / name)
    return target


@pytest.fixture(scope="module")
def problems(fixtures: Path) -> list[Problem]:
    return [one for name in ("mbpp", "humaneval", "leetcode") for one in read(str(fixtures / f"{name}.jsonl"))]


def test_the_published_file_has_the_two_properties(folder: Path) -> None:
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    file = json.loads((folder / "tokenizer.json").read_text())
    assert settings["tokenizer_class"] == "LlamaTokenizerFast"
    assert "ByteLevel" in [part["type"] for part in file["pre_tokenizer"]["pretokenizers"]]


def test_programs_keep_their_spaces_and_newlines(folder: Path, problems: list[Problem]) -> None:
    tokenizer = load_tokenizer(str(folder))
    for problem in problems:
        for template in ("plain", "plain-v2", "chat", "paper-appsplus"):
            prompt = render(problem, template, tokenizer)
            encoded = encode_program(tokenizer, prompt, problem.canonical)
            text = tokenizer.decode(encoded.ids)
            assert text == BOS * (template != "chat") + prompt.whole(problem.canonical) + EOS
            start = completion_start(encoded, prompt)
            assert tokenizer.decode(encoded.ids[start:-1]) in prompt.whole(problem.canonical)


def test_no_two_steps_end_in_one_token(folder: Path, problems: list[Problem]) -> None:
    tokenizer = load_tokenizer(str(folder))
    for problem in problems:
        program = problem.canonical
        encoded = encode(tokenizer, program)
        ends = [encoded.token_at(len(program[: one.end].rstrip()) - 1) for one in segment(program, "line")]
        assert len(set(ends)) == len(ends)


def test_the_check_accepts_the_folder_and_the_engine_loads_it(folder: Path, problems: list[Problem]) -> None:
    sets: dict[str, Any] = {"problems": problems}
    facts = check_model(str(folder), template=PromptTemplate("paper-appsplus"), problem_sets=sets, reward=True)
    assert (facts.family, facts.rows) == ("llama", VOCABULARY)
    engine = TransformersEngine(str(folder), max_new_tokens=4)
    question = render(problems[0], "paper-appsplus", engine.tokenizer).question
    (written,) = engine.generate([question], samples=1, temperature=0.0, seed=0)[0]
    assert written
