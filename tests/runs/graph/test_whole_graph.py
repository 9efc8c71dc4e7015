"""One TrainingRun from problems to report, killed in the middle of a training and resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.needs_sandbox, pytest.mark.needs_torch]
MANIFEST = Path(__file__).with_name("small.yaml")
STAGES = ["pretrain", "supervise", "sft", "reward", "policy", "evaluate"]
ARTIFACTS = {"supervise": "supervision", "evaluate": "evaluation"}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "prlcoder.cli", *arguments]


def kill_when(storage: Path, marker: str) -> None:
    """Start the run and kill it, with everything it started, as soon as a file matching ``marker`` is there."""
    process = subprocess.Popen(
        command("run", str(MANIFEST), "--set", f"storage.uri={storage}"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while process.poll() is None:
        if any(storage.glob(marker)):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return
        time.sleep(0.01)
    raise AssertionError(f"the run ended with {process.returncode} before {marker} appeared")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that was killed once, after the reward model's first checkpoint."""
    storage = tmp_path_factory.mktemp("runs")
    kill_when(storage, "small/.work/reward/**/checkpoint-2")
    done = subprocess.run(
        command("run", str(MANIFEST), "--set", f"storage.uri={storage}"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (storage / "stdout.txt").write_text(done.stdout)
    return storage / "small"


def test_finished_stages_are_not_run_again_and_the_killed_one_is(run_folder: Path) -> None:
    stages = json.loads((run_folder / "state.json").read_text())["stages"]
    attempts = {name: stages[name]["attempt"] for name in STAGES}
    assert attempts == {**dict.fromkeys(STAGES, 1), "reward": 2}
    assert {stages[name]["status"] for name in STAGES} == {"done"}
    assert all(stages[name]["wall_s"] > 0 for name in STAGES)


def test_every_artefact_of_the_contract_is_there(run_folder: Path) -> None:
    for name in STAGES:
        assert (run_folder / ARTIFACTS.get(name, name)).is_dir()
        assert (run_folder / "logs" / f"{name}.log").read_text()
    for name in ("run.yaml", "splits.json", "report.html", "supervision/manifest.json", "evaluation/steps.jsonl"):
        assert (run_folder / name).stat().st_size > 0
    assert not list(run_folder.glob(".work/*"))


def test_model_folders_load_by_themselves(run_folder: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoModelForTokenClassification, AutoTokenizer

    for name in ("pretrain", "sft", "policy", "policy/controls/nll"):
        model = AutoModelForCausalLM.from_pretrained(run_folder / name)
        assert model.config.vocab_size == len(AutoTokenizer.from_pretrained(run_folder / name))
        assert (run_folder / name / "README.md").read_text().startswith("---")
    assert AutoModelForTokenClassification.from_pretrained(run_folder / "reward").config.num_labels == 2


def test_the_summary_is_the_samples_counted(run_folder: Path) -> None:
    summary = json.loads((run_folder / "evaluation" / "summary.json").read_text())
    samples = [json.loads(line) for line in (run_folder / "evaluation" / "samples.jsonl").read_text().splitlines()]
    assert set(summary["policies"]) == {"base", "sft", "policy", "nll"}
    held_out = json.loads((run_folder / "splits.json").read_text())["test"]
    for name, figures in summary["policies"].items():
        greedy = [row for row in samples if row["policy"] == name and row["temperature"] == 0]
        assert sorted(row["problem_id"] for row in greedy) == sorted(held_out)
        passed = sum(row["verdict"] == "passed" for row in greedy)
        assert figures["n"] == len(held_out)
        assert figures["pass@1"] == pytest.approx(passed / len(held_out))


def test_no_held_out_problem_is_in_the_supervision(run_folder: Path) -> None:
    from prlcoder.supervision import store

    splits = json.loads((run_folder / "splits.json").read_text())
    trained = {row["problem_id"] for row in store.read_rows(run_folder / "supervision", "steps", ["problem_id"])}
    assert trained
    assert trained <= set(splits["train"])
    assert not trained & {*splits["test"], *splits["validation"]}


def test_running_it_once_more_does_nothing(run_folder: Path) -> None:
    before = {
        path: path.stat().st_mtime_ns for path in run_folder.rglob("*") if path.suffix in (".safetensors", ".parquet")
    }
    arguments = ("run", str(MANIFEST), "--set", f"storage.uri={run_folder.parent}")
    done = subprocess.run(command(*arguments), capture_output=True, text=True, check=True)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert done.stdout == (run_folder.parent / "stdout.txt").read_text()
