"""The check of a reward model that a run is given, without reading its weights."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prlcoder.errors import InputError
from prlcoder.modeling.model_check import check_reward_base, check_reward_model
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import PromptTemplate

pytestmark = pytest.mark.needs_torch

LABELS = {"0": "rejected", "1": "chosen"}


@pytest.fixture(scope="module")
def classifier(model_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A token classifier with two labels on the tiny Llama."""
    return save_classifier(model_folders["llama"], tmp_path_factory.mktemp("classifier"), labels=LABELS)


def save_classifier(base: Path, folder: Path, labels: dict[str, str]) -> Path:
    from transformers import AutoTokenizer, LlamaConfig, LlamaForTokenClassification

    config = LlamaConfig.from_pretrained(base, id2label={int(key): name for key, name in labels.items()})
    LlamaForTokenClassification(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


def relabel(folder: Path, *names: str) -> None:
    """Give the labels of ``config.json`` other names."""
    file = folder / "config.json"
    values = json.loads(file.read_text())
    file.write_text(json.dumps(values | {"id2label": {str(i): name for i, name in enumerate(names)}}))


@pytest.mark.parametrize("names", [("rejected", "chosen"), ("chosen", "rejected"), ("LABEL_0", "LABEL_1")])
def test_two_labels_are_accepted_in_either_order(classifier: Path, tmp_path: Path, names: tuple[str, ...]) -> None:
    shutil.copytree(classifier, tmp_path / "model")
    relabel(tmp_path / "model", *names)
    check_reward_model(str(tmp_path / "model"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: relabel(f, "good", "bad"), "id2label: .* does not say which label is the good one"),
        (lambda f: relabel(f, "LABEL_1", "LABEL_0"), "id2label: .* does not say which label is the good one"),
        (lambda f: os.truncate(f / "model.safetensors", 9000), "model.safetensors: is truncated or damaged"),
        (lambda f: (f / "tokenizer.json").unlink(), "contains no tokenizer.json"),
    ],
)
def test_a_damaged_reward_model_is_refused(
    classifier: Path, tmp_path: Path, damage: Callable[[Path], Any], message: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(classifier, folder)
    damage(folder)
    with pytest.raises(InputError, match=message):
        check_reward_model(str(folder))


@pytest.mark.parametrize("labels", [{"0": "chosen"}, {"0": "a", "1": "b", "2": "c"}])
def test_another_number_of_labels_is_refused(
    model_folders: dict[str, Path], tmp_path: Path, labels: dict[str, str]
) -> None:
    folder = save_classifier(model_folders["llama"], tmp_path, labels)
    with pytest.raises(InputError, match=f"config.json: id2label: has {len(labels)} labels and not the two"):
        check_reward_model(str(folder))


def test_a_language_model_and_a_sequence_classifier_are_no_reward_models(
    model_folders: dict[str, Path], tmp_path: Path
) -> None:
    from transformers import LlamaConfig, LlamaForSequenceClassification

    shutil.copytree(model_folders["llama"], tmp_path / "model")
    with pytest.raises(InputError, match="is not a reward model"):
        check_reward_model(str(tmp_path / "model"))
    LlamaForSequenceClassification(LlamaConfig.from_pretrained(tmp_path / "model", num_labels=2)).save_pretrained(
        tmp_path / "model"
    )
    with pytest.raises(InputError, match="is not a reward model"):
        check_reward_model(str(tmp_path / "model"))


def test_a_training_starts_from_a_language_model_or_a_reward_model(
    classifier: Path, model_folders: dict[str, Path], suite: tuple[Problem, ...]
) -> None:
    for folder in (classifier, model_folders["llama"]):
        check_reward_base(str(folder), template=PromptTemplate("nano"), problem_sets={"problems": suite})
