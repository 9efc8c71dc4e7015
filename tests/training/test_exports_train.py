"""Each export is read by the library that it is for, and one step is trained on it."""

from __future__ import annotations

import json
import math
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from prlcoder.files import write_json, writer
from prlcoder.problems.model import Problem
from prlcoder.supervision import store
from prlcoder.supervision.export import export
from prlcoder.supervision.rows import Program, Step, SupervisionRow

pytestmark = pytest.mark.needs_torch


@pytest.fixture(scope="module")
def built(suite: tuple[Problem, ...], supervision: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training rows with a survivor and a step that only a generated test rejects, and two such programs."""
    folder = tmp_path_factory.mktemp("built")
    for table in ("steps", "pairs", "programs"):
        os.makedirs(folder / table)
        source = store.table_path(supervision, table, 0)
        os.link(source, store.table_path(folder, table, 0))
    first = next(row for row in store.read_rows(supervision, "steps"))
    extra: dict[str, list[SupervisionRow]] = {"steps": [], "programs": []}
    for label, bucket in (("", "survivor"), ("rejected", "rejected_generated")):
        values = {**first, "segment": f"    {bucket} = 1\n", "label": label, "bucket": bucket, "origin": "mutation"}
        values.pop("id")
        extra["steps"].append(Step(**values))
        extra["programs"].append(Program(first["problem_id"], f"{bucket}\n", label, "passed", "mutation", bucket))
    wrong = [
        Program(problem.id, problem.canonical + "x\n", "rejected", "runtime_error", "mutation") for problem in suite
    ]
    extra["programs"] += [row for row, problem in zip(wrong, suite, strict=True) if problem.split != "test"]
    for table, rows in extra.items():
        store.write_table(store.table_path(folder, table, 1), table, rows)
    store.finish(folder, {"content_hash": "0", "settings": {"segmentation": "line"}})
    return folder


def exported(built: Path, suite: tuple[Problem, ...], form: str, folder: Path) -> Any:
    """The export as a file of JSON lines, loaded by ``datasets``."""
    from datasets import load_dataset

    path = folder / f"{form}.jsonl"
    with writer(path, None) as write:  # type: ignore[arg-type]
        for row in export(built, form, suite):
            write(row)
    return load_dataset("json", data_files=str(path), split="train", cache_dir=str(folder / "cache"))


def arguments(folder: Path) -> dict[str, Any]:
    return {
        "output_dir": str(folder / "out"),
        "max_steps": 1,
        "per_device_train_batch_size": 2,
        "report_to": [],
        "use_cpu": True,
        "logging_steps": 1,
        "save_strategy": "no",
        "disable_tqdm": True,
    }


def loss_of(trainer: Any) -> float:
    return float(trainer.train().training_loss)


def test_trl_s_dpo_trainer_takes_a_step(
    built: Path, suite: tuple[Problem, ...], model_folders: dict[str, Path], tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig, DPOTrainer

    rows = exported(built, suite, "trl-preference", tmp_path)
    assert set(rows.column_names) == {"prompt", "chosen", "rejected"}
    trainer = DPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(model_folders["llama"]),
        args=DPOConfig(**arguments(tmp_path)),
        train_dataset=rows,
        processing_class=AutoTokenizer.from_pretrained(model_folders["llama"]),
    )
    assert loss_of(trainer) == pytest.approx(math.log(2), abs=1e-3)  # policy and reference are the same at first


def test_a_token_classification_trainer_takes_a_step(
    built: Path, suite: tuple[Problem, ...], model_folders: dict[str, Path], tmp_path: Path
) -> None:
    from transformers import (
        AutoModelForTokenClassification,
        AutoTokenizer,
        DataCollatorForTokenClassification,
        Trainer,
        TrainingArguments,
    )

    rows = exported(built, suite, "stepwise", tmp_path)
    assert set(rows.column_names) == {"prompt", "completions", "labels"}
    tokenizer = AutoTokenizer.from_pretrained(model_folders["qwen2"])

    def with_labels(row: dict[str, Any]) -> dict[str, Any]:
        """The label of a step at its last token, -100 elsewhere."""
        ids, labels = list(tokenizer(row["prompt"])["input_ids"]), []
        labels = [-100] * len(ids)
        for text, label in zip(row["completions"], row["labels"], strict=True):
            step = tokenizer(text, add_special_tokens=False)["input_ids"]
            ids += step
            labels += [-100] * (len(step) - 1) + [int(label)]
        return {"input_ids": ids, "labels": labels}

    trainer = Trainer(
        model=AutoModelForTokenClassification.from_pretrained(model_folders["qwen2"], num_labels=2),
        args=TrainingArguments(**arguments(tmp_path)),
        train_dataset=rows.map(with_labels, remove_columns=rows.column_names),
        data_collator=DataCollatorForTokenClassification(tokenizer),
        processing_class=tokenizer,
    )
    assert 0 < loss_of(trainer) < 10


def test_trl_s_reward_trainer_takes_a_step(
    built: Path, suite: tuple[Problem, ...], model_folders: dict[str, Path], tmp_path: Path
) -> None:
    from datasets import Dataset
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from trl import RewardConfig, RewardTrainer

    rows = exported(built, suite, "orm", tmp_path)
    assert set(rows.column_names) == {"prompt", "completion", "label"}
    by_prompt: dict[str, dict[bool, list[str]]] = defaultdict(lambda: {True: [], False: []})
    for row in rows:
        by_prompt[row["prompt"]][row["label"]].append(row["completion"])
    pairs = [
        {"prompt": prompt, "chosen": right, "rejected": wrong}
        for prompt, programs in by_prompt.items()
        for right in programs[True]
        for wrong in programs[False]
    ]
    trainer = RewardTrainer(
        model=AutoModelForSequenceClassification.from_pretrained(model_folders["llama"], num_labels=1),
        args=RewardConfig(**arguments(tmp_path)),
        train_dataset=Dataset.from_list(pairs),
        processing_class=AutoTokenizer.from_pretrained(model_folders["llama"]),
    )
    assert 0 < loss_of(trainer) < 10


def test_what_is_not_trained_on_is_not_exported(built: Path, suite: tuple[Problem, ...]) -> None:
    assert not any("survivor" in row["completions"][-1] for row in export(built, "stepwise", suite))
    plain = [row["completion"] for row in export(built, "orm", suite)]
    assert not {"survivor\n", "rejected_generated\n"} & {text.lstrip() for text in plain}
    manifest = json.loads((built / store.MANIFEST).read_text())
    try:
        write_json(built / store.MANIFEST, {**manifest, "settings": {**manifest["settings"], "use_generated": True}})
        found = [row for row in export(built, "stepwise", suite) if "_generated" in row["completions"][-1]]
        assert [row["labels"][-1] for row in found] == [False]
        assert len(list(export(built, "orm", suite))) == len(plain) + 1
    finally:
        write_json(built / store.MANIFEST, manifest)
