"""Real trainings under watch: what they write for the report, and what a scrape of their process gives."""

from __future__ import annotations

import json
import multiprocessing
import os
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from prlcoder.spec import Evaluation, Policy, Sft
from prlcoder.stages.context import StageContext

pytest.importorskip("torch")
from prlcoder.training.stages import policy as policy_stage
from prlcoder.training.stages import sft

PROCESSES = multiprocessing.get_context("forkserver")
STOP = ("e", "o", "v", "1", "(")  # they end the programs of a policy with random weights
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]

pytestmark = pytest.mark.needs_torch


def serve(stage: Callable[[StageContext], Any], context: StageContext, connection: Connection) -> None:
    """Run a stage as a pod does, and serve its metrics until the other side has read them."""
    from prlcoder.runs.stage_progress import StageInProgress, progress_served

    os.environ["PRLCODER_PROGRESS_PORT"] = "0"
    with progress_served(StageInProgress("policy")) as port:
        stage(context)
        connection.send(port)
        connection.recv()


def scraped(stage: Callable[[StageContext], Any], context: StageContext) -> Series:
    """The series of the process of a stage that has trained, by name and labels."""
    ours, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=serve, args=(stage, context, theirs))
    process.start()
    theirs.close()
    port = ours.recv()  # EOFError if the stage has failed
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    ours.send(None)
    process.join()
    assert process.exitcode == 0
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(one.name, frozenset(one.labels.items())): one.value for one in samples}


def value(series: Series, name: str, **labels: str) -> float:
    """One series of the training."""
    return series[f"prlcoder_train_{name}", frozenset(labels.items())]


@pytest.mark.needs_sandbox
def test_a_scrape_of_reinforcement_learning_agrees_with_its_log(
    make_context: Callable[..., StageContext], reward_models: dict[str, Path], tmp_path: Path
) -> None:
    rl = {"updates": 3, "prompts": 4, "samples": 2, "maxNewTokens": 24, "value": {"pretrainUpdates": 1}}
    section = Policy.model_validate(
        {"algorithm": "ppo", "batchSize": 4, "saveSteps": 2, "rl": {**rl, "monitors": {"every": 2}}}
    )
    context = make_context(tmp_path, policy=section, evaluation=Evaluation(stop=STOP))
    context = replace(context, artifacts={**context.artifacts, "reward": reward_models["first"]})
    series = scraped(policy_stage.run, context)
    rows = [json.loads(line) for line in (context.output / "updates.jsonl").read_text().splitlines()]
    last = rows[-1]
    assert value(series, "tokens_total") == sum(row["tokens"] for row in rows)
    assert value(series, "samples_total") == sum(row["sampled"] for row in rows) == 32
    assert value(series, "steps_total") == last["step"]
    assert value(series, "loss") == pytest.approx(last["policy_loss"])
    for name in ("pass_rate", "kl", "entropy", "clip_fraction", "gradient_norm", "learning_rate", "comment_ratio"):
        assert value(series, name) == pytest.approx(last[name])
    assert value(series, "prm_score") == pytest.approx(last["prm_mean"])
    for component in ("process", "verdict", "total"):
        assert value(series, "reward", component=component, stat="mean") == pytest.approx(last["rewards"][component])
        assert value(series, "reward", component=component, stat="std") == pytest.approx(last["reward_std"][component])
    for phase in ("rollout", "verdicts", "scores", "logps", "monitors", "update"):
        spent = sum(row["seconds"].get(phase, 0.0) for row in rows)
        assert value(series, "phase_seconds_total", phase=phase) == pytest.approx(spent)
    assert value(series, "last_checkpoint_timestamp_seconds") > 1e9
    assert ("process_resident_memory_bytes", frozenset()) in series
    watched = [row["update"] for row in rows if "monitors" in row["seconds"]]
    assert watched == [1, 2, 4]  # the first, every second, the last
    shown = [json.loads(line) for line in (context.output / "rollouts.jsonl").read_text().splitlines()]
    assert {one["update"] for one in shown} <= set(watched)
    for one in shown:
        told = [*one["segments"], one["after"]]
        assert sum(part["reward"] or 0.0 for part in told) == pytest.approx(one["reward"], abs=1e-3)
        assert sum(one["components"].values()) == pytest.approx(one["reward"], abs=1e-3)


def test_a_scrape_of_supervised_training_counts_its_examples(
    make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    context = make_context(tmp_path, sft=Sft(epochs=2, batch_size=4, logging_steps=1, save_steps=2))
    series = scraped(sft.run, context)
    log = json.loads((context.output / "training_log.json").read_text())
    logged = [row for row in log if "loss" in row]
    assert value(series, "samples_total") == 2 * len(context.train)
    assert value(series, "steps_total") == logged[-1]["step"]
    assert value(series, "loss") == pytest.approx(logged[-1]["loss"])
    assert value(series, "gradient_norm") == pytest.approx(logged[-1]["grad_norm"])
    assert value(series, "tokens_total") > value(series, "samples_total")
    assert value(series, "phase_seconds_total", phase="update") > 0
    assert not any(name == "prlcoder_train_pass_rate" for name, _ in series)
