"""The check before any work: what it refuses, and where its messages point."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prlcoder.errors import InputError
from prlcoder.modeling.checkpoints import load
from prlcoder.modeling.configs import context_length
from prlcoder.modeling.family_check import check_fine_tunable
from prlcoder.modeling.model_check import check_model
from prlcoder.modeling.model_source import ModelSource, unloadable
from prlcoder.modeling.token_classifier import chosen_label
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import PromptTemplate

pytestmark = pytest.mark.needs_torch


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n"  # what git alone downloads


@pytest.fixture
def folder(model_folders: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the tiny Llama that a test may damage."""
    shutil.copytree(model_folders["llama"], tmp_path / "model")
    return tmp_path / "model"


def edit(file: Path, **values: Any) -> None:
    """Set fields of a JSON file."""
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def drop(file: Path, field: str) -> None:
    """Remove a field of a JSON file."""
    file.write_text(json.dumps({name: value for name, value in json.loads(file.read_text()).items() if name != field}))


def truncate(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def rename_tensors(folder: Path, new_name: Callable[[str], str | None]) -> None:
    """Rename the tensors of a model; those without a new name are dropped."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    renamed = {new: tensor for name, tensor in tensors.items() if (new := new_name(name)) is not None}
    save_file(renamed, folder / "model.safetensors", {"format": "pt"})


def without(folder: Path, part: str) -> None:
    """Drop the tensors with ``part`` in their names."""
    rename_tensors(folder, lambda name: None if part in name else name)


def shard(folder: Path) -> list[Path]:
    """Save the weights in several files; returns these."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="60KB")
    return sorted(folder.glob("model-*.safetensors"))


def as_bin(folder: Path) -> Path:
    """Save the weights as torch does; returns the file."""
    import torch
    from safetensors.torch import load_file

    file = folder / "pytorch_model.bin"
    torch.save(load_file(folder / "model.safetensors"), file)
    (folder / "model.safetensors").unlink()
    return file


def quantise(folder: Path) -> None:
    edit(folder / "config.json", quantization_config={"quant_method": "gptq", "bits": 4})


def test_a_right_model_is_described(folder: Path, suite: tuple[Problem, ...]) -> None:
    facts = check_model(str(folder), template=PromptTemplate("nano"), problem_sets={"problems": suite}, reward=True)
    assert (facts.family, facts.context, facts.rows) == ("llama", 512, 558)
    assert facts.head == "as in transformers"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: shutil.rmtree(f), "is not a folder on this machine"),
        (lambda f: (f / "config.json").unlink(), "contains no config.json"),
        (lambda f: (f / "config.json").write_text("{"), r"config.json: is invalid JSON \(.*\); download"),
        (lambda f: edit(f / "config.json", model_type="nonesuch"), "model_type: .* does not know 'nonesuch'; update"),
        (lambda f: drop(f / "config.json", "model_type"), "config.json: model_type: is missing"),
        (lambda f: edit(f / "config.json", model_type="bert"), "config.json: model_type: 'bert' is no causal"),
        (truncate, "model.safetensors: is truncated or damaged"),
        (lambda f: (f / "model.safetensors").unlink(), "contains no weights"),
        (lambda f: (f / "model.safetensors").write_bytes(b""), "model.safetensors: is empty; download"),
        (
            lambda f: (f / "model.safetensors").write_text(POINTER),
            "model.safetensors: is a Git LFS pointer .* `git lfs pull`",
        ),
        (lambda f: (f / "tokenizer.json").write_text(POINTER), "tokenizer.json: is a Git LFS pointer"),
        (lambda f: (f / "tokenizer.json").unlink(), "contains no tokenizer.json"),
        (lambda f: edit(f / "config.json", vocab_size=700), "config.json: vocab_size: is 700; .* have .558, 32."),
        (
            lambda f: edit(f / "config.json", num_key_value_heads=4),
            "num_attention_heads: is 4 and num_key_value_heads: is 4; .*k_proj",
        ),
        (lambda f: edit(f / "config.json", num_hidden_layers=1), "num_hidden_layers: is 1, but the weights contain"),
        (lambda f: edit(f / "config.json", num_hidden_layers=3), "num_hidden_layers: is 3, but the weights lack"),
        (lambda f: edit(f / "config.json", eos_token_id=7), "config.json: eos_token_id: 7 is .* another model's"),
        (lambda f: edit(f / "config.json", eos_token_id=[1, 9999]), "config.json: eos_token_id: 9999 has no row"),
        (lambda f: edit(f / "config.json", bos_token_id=9999), "config.json: bos_token_id: 9999 has no row"),
        (lambda f: edit(f / "config.json", pad_token_id=9999), "config.json: pad_token_id: 9999 has no row"),
        (
            lambda f: edit(f / "generation_config.json", eos_token_id=[1, 9999]),
            "generation_config.json: eos_token_id: 9999 has no row",
        ),
        (lambda f: (f / "generation_config.json").write_text("{"), "generation_config.json: is invalid JSON"),
        (lambda f: drop(f / "config.json", "vocab_size"), "vocab_size: is missing, and the family's default is 32000"),
        (lambda f: drop(f / "config.json", "num_hidden_layers"), "num_hidden_layers: is missing, .* weights lack"),
        (lambda f: edit(f / "config.json", num_attention_heads=0), "num_attention_heads: is 0, but a size is above 0"),
        (lambda f: edit(f / "config.json", hidden_size="32"), "config.json: hidden_size: the configuration is invalid"),
        (lambda f: edit(f / "config.json", hidden_act="own"), "config.json: hidden_act: the configuration is invalid"),
        (
            lambda f: edit(f / "config.json", rope_parameters={"rope_type": "own", "rope_theta": 1e4}),
            r"config.json: rope_parameters\.rope_type: the configuration is invalid",
        ),
        (
            lambda f: edit(f / "config.json", _attn_implementation="flash_attention_2"),
            "config.json: _attn_implementation: the configuration is invalid",
        ),
        (
            lambda f: edit(f / "config.json", model_type="qwen2"),
            r"lacks weights \(model.layers.0.self_attn.k_proj.bias",
        ),
        (quantise, r"config.json: quantization_config: the weights are quantised \(gptq\)"),
        (lambda f: without(f, "norm.weight"), r"lacks weights \(model.layers.0.input_layernorm.weight\); download"),
        (lambda f: without(f, "lm_head"), r"lacks weights \(lm_head.weight\)"),
        (
            lambda f: rename_tensors(f, "base_model.model.{}".format),
            "names of its weights begin with 'base_model.model.'.* save the model inside the wrapper",
        ),
        (
            lambda f: rename_tensors(f, lambda name: f"x{name}"),
            "config.json: model_type: the weights are not those of a 'llama' model",
        ),
        (lambda f: shard(f)[1].unlink(), "index.json: names model-00002-.* is missing; download the model completely"),
        (
            lambda f: (shard(f), (f / "model.safetensors.index.json").unlink()),
            r"contains shards of weights .* without model.safetensors.index.json",
        ),
        (
            lambda f: (shard(f), (f / "model.safetensors.index.json").write_text("{}")),
            "index.json: weight_map: is missing",
        ),
        (
            lambda f: (f / "model.safetensors").rename(f / "consolidated.safetensors"),
            "no weights .* but consolidated.safetensors; give a folder in the layout of transformers",
        ),
        (lambda f: os.truncate(as_bin(f), 5000), "pytorch_model.bin: is truncated or damaged"),
        (lambda f: as_bin(f).write_text(POINTER), "pytorch_model.bin: is a Git LFS pointer"),
        (lambda f: (f / "tokenizer.json").write_text("{}"), "tokenizer.json: model: is missing"),
    ],
)
def test_a_model_that_cannot_be_used_is_refused(folder: Path, damage: Callable[[Path], Any], message: str) -> None:
    damage(folder)
    with pytest.raises(InputError, match=message):
        check_model(str(folder))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "You are trying to access a gated repo.\n401 Client Error.",
            r"gated, private or .*; accept its licence .*HF_TOKEN",
        ),
        (
            "o/m is not a local folder and is not a valid model identifier listed on the hub",
            "nor a repository on the hub",
        ),
        ("We couldn't connect to the hub to load the files", "the hub cannot be reached.; download the model where"),
        (
            "GGUF model with architecture own is not supported yet.",
            "architecture own .*; give the model's original folder",
        ),
        (
            "x.gguf does not start with the GGUF magic bytes",
            "not a GGUF file, or it is truncated or damaged.; download",
        ),
        ("Please install the package gguf", r"install `prlcoder\[gguf\]`"),
        ("word " * 100, r"\(word .* word \.\.\.\); check the path"),
    ],
)
def test_what_transformers_reports_becomes_a_remedy(text: str, message: str) -> None:
    assert re.search(message, str(unloadable("model", "o/m", OSError(text))))


def test_the_cause_of_a_refusal_is_read_too() -> None:
    error = OSError("We couldn't connect to the hub")
    error.__cause__ = OSError("401 Client Error.")
    assert "accept its licence" in str(unloadable("model", "o/m", error))


def test_python_code_of_a_folder_is_not_executed_without_permission(folder: Path) -> None:
    (folder / "own.py").write_text("raise SystemExit('executed')\n")
    edit(folder / "config.json", model_type="own", auto_map={"AutoConfig": "own.OwnConfig"})
    with pytest.raises(InputError, match=r"auto_map: .* `model.trustRemoteCode: true`"):
        check_model(str(folder))


def test_a_small_tokenizer_on_a_large_embedding_is_another_models(folder: Path, nano_folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(nano_folder / name, folder / name)
    large = load(str(folder.parent / "model")).model
    large.resize_token_embeddings(2000)
    large.save_pretrained(folder)
    with pytest.raises(InputError, match=r"tokenizer.json: has \d+ tokens for an embedding of 2000 rows"):
        check_model(str(folder))


def test_a_tokenizer_whose_tokens_do_not_decode_to_the_text_is_refused(folder: Path) -> None:
    values = json.loads((folder / "tokenizer.json").read_text())
    values["normalizer"] = {"type": "Lowercase"}
    (folder / "tokenizer.json").write_text(json.dumps(values))
    with pytest.raises(InputError, match=r"tokens do not decode to the program again: .*class A"):
        check_model(str(folder))
    with pytest.raises(InputError, match="tokens do not decode"):
        load(str(folder))


def test_a_padding_token_without_a_row_is_replaced_by_eos(folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    tokenizer.save_pretrained(folder)
    loaded = load(str(folder)).tokenizer
    assert loaded.pad_token_id == loaded.eos_token_id


def test_a_template_that_does_not_fit_a_benchmark_names_it(folder: Path) -> None:
    merging = Problem("b", "Add.", None, ("    x = 1\n",))  # type: ignore[arg-type]  # begins with what merges
    with pytest.raises(InputError, match=r"benchmark humaneval: model.promptTemplate: plain: .*merges"):
        check_model(str(folder), template=PromptTemplate("plain"), problem_sets={"benchmark humaneval": (merging,)})


def test_families_that_cannot_be_used_are_refused_by_name(folder: Path) -> None:
    import transformers

    (folder / "config.json").write_text(json.dumps({"model_type": "mamba", "vocab_size": 558, "hidden_size": 32}))
    with pytest.raises(InputError, match="'mamba' has recurrent layers and no attention"):
        check_model(str(folder))
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4}
    for name, why in (("GraniteMoeConfig", "balancing loss"), ("Llama4TextConfig", "no base model apart")):
        with pytest.raises(InputError, match=f"config.json: model_type: .*{why}"):
            check_fine_tunable(getattr(transformers, name)(vocab_size=32, **shape), "m")
    check_fine_tunable(transformers.MixtralConfig(vocab_size=32, **shape), "m")


@pytest.mark.parametrize("prepare", [shard, as_bin, lambda f: drop(f / "config.json", "architectures")])
def test_other_layouts_of_the_same_weights_are_accepted(folder: Path, prepare: Callable[[Path], Any]) -> None:
    prepare(folder)
    assert check_model(str(folder)).rows == 558


def test_the_file_is_read_where_the_named_class_cannot(folder: Path) -> None:
    edit(folder / "tokenizer_config.json", tokenizer_class="T5Tokenizer")
    assert check_model(str(folder)).rows == 558


def test_a_name_that_is_neither_a_folder_nor_a_hub_id_is_refused() -> None:
    for name in ("C:\\models\\base", "my model", "a/b/c"):
        with pytest.raises(InputError, match="it is not a folder on this machine"):
            check_model(name)


def test_labels_are_read_by_name() -> None:
    from transformers import LlamaConfig

    def labels(**names: str) -> int:
        return chosen_label(LlamaConfig(id2label={int(key[1:]): name for key, name in names.items()}), "m")

    assert labels(_0="rejected", _1="chosen") == 1
    assert labels(_0="Chosen", _1="Rejected") == 0
    assert labels(_0="LABEL_0", _1="LABEL_1") == 1
    with pytest.raises(InputError, match=r"config.json: id2label: .* does not say which label is the good one"):
        labels(_0="good", _1="bad")
    for names in ({"_0": "chosen"}, {"_0": "a", "_1": "b", "_2": "c"}):
        with pytest.raises(InputError, match=rf"config.json: id2label: has {len(names)} labels and not the two"):
            labels(**names)


def test_the_context_is_found_under_the_familys_name() -> None:
    from transformers import BloomConfig, GPT2Config, LlamaConfig

    class Unlimited:
        model_max_length = 10**30

    assert context_length(LlamaConfig(max_position_embeddings=4096), Unlimited()) == 4096
    assert context_length(GPT2Config(n_positions=77), Unlimited()) == 77
    assert context_length(BloomConfig(seq_length=1000), Unlimited()) == 1000
    assert context_length(BloomConfig(), Unlimited()) == 2048


def test_a_folder_with_several_gguf_files_asks_which(tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).write_bytes(b"GGUF")
    with pytest.raises(InputError, match=r"model.ggufFile: .* several GGUF files \(a.gguf, b.gguf\)"):
        ModelSource.of(str(tmp_path))
    with pytest.raises(InputError, match=r"a.gguf: is not a GGUF file, or it is truncated; download the file again"):
        check_model(str(tmp_path / "a.gguf"))
