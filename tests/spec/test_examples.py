"""The manifests in ``examples`` are valid, and those in ``examples/models`` accept models of their families."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prlcoder.cli.main import main
from prlcoder.spec import manifest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MANIFESTS = sorted(EXAMPLES.rglob("*.yaml"))


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.stem)
def test_an_example_is_a_valid_manifest(file: Path) -> None:
    run = manifest.load(file)
    assert run.metadata.name == file.stem.replace(".", "-")
    assert run.stages()[-1] == "evaluate"


def test_the_models_that_people_bring_have_a_manifest() -> None:
    paths = {file.stem: manifest.load(file).spec.model.path for file in (EXAMPLES / "models").glob("*.yaml")}
    assert paths == {
        "deepseek-coder": "./deepseek-coder-6.7b-instruct",  # a downloaded folder
        "qwen2.5-coder-0.5b": "Qwen/Qwen2.5-Coder-0.5B",  # the hub's name
    }


@pytest.mark.needs_torch
@pytest.mark.parametrize(
    ("example", "model", "names_class"),
    [("deepseek-coder", "llama", "LlamaTokenizerFast"), ("qwen2.5-coder-0.5b", "qwen2", "Qwen2TokenizerFast")],
)
def test_an_example_accepts_a_tiny_model_of_its_family(
    example: str,
    model: str,
    names_class: str,
    family_folder: Any,
    fixtures: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """``prlcoder validate --model`` with the folder in place of the published model, which is large or on the hub."""
    folder = family_folder(model, tokenizer_class=names_class)
    overrides = [f"model.path={folder}", f"problems.source={fixtures / 'mbpp.jsonl'}", "problems.format=mbpp"]
    if example.startswith("qwen"):
        overrides.append(f"evaluation.benchmarks.1.path={fixtures / 'humaneval.jsonl'}")
    arguments = [part for one in overrides for part in ("--set", one)]
    assert main(["validate", "--model", str(EXAMPLES / "models" / f"{example}.yaml"), *arguments]) == 0
    assert f"model: {model}, tokenizer" in capsys.readouterr().out


@pytest.fixture
def family_folder(tokenizers: dict[str, Any], tmp_path: Path) -> Any:
    """Makes a folder as published: random weights of the family, a byte-level tokenizer and the class that it names."""
    import torch
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM

    def make(family: str, *, tokenizer_class: str) -> Path:
        tokenizer = tokenizers["before"]
        torch.manual_seed(0)
        config = CONFIG_MAPPING[family](
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=4096,
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=None,
            pad_token_id=tokenizer.pad_token_id,
        )
        folder = tmp_path / family
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        file = folder / "tokenizer_config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"tokenizer_class": tokenizer_class}))
        return folder

    return make
