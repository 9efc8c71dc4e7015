"""A stage killed while it trains and run again ends with the weights of an undisturbed run, bit for bit."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from prlcoder.spec import Control, Evaluation, Peft, Policy, Pretrain, Reward, Sft
from prlcoder.stages.context import StageContext

pytest.importorskip("torch")
from prlcoder.training.stages import policy as policy_stage
from prlcoder.training.stages import pretrain, reward, sft

pytestmark = pytest.mark.needs_torch

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["prlcoder.training.stages.policy", "prlcoder.training.stages.reward", "prlcoder.training.stages.pretrain"]
)
SHORT: dict[str, Any] = {"save_steps": 2, "logging_steps": 3, "learning_rate": 1e-3, "warmup_ratio": 0.1}
CONTROLS = (Control(kind="nll", epochs=1), Control(kind="rft", epochs=1))
STAGES: dict[str, tuple[Any, dict[str, Any]]] = {
    "pretrain": (pretrain.run, {"pretrain": Pretrain(programs=48, batch_size=4, **SHORT)}),
    "sft": (sft.run, {"sft": Sft(epochs=4, batch_size=2, gradient_accumulation=2, **SHORT)}),
    "reward": (reward.run, {"reward": Reward(epochs=4, batch_tokens=300, **SHORT)}),
    "reward-orm": (reward.run, {"reward": Reward(kind="orm", epochs=4, batch_tokens=300, **SHORT)}),
    "policy": (
        policy_stage.run,
        {
            "policy": Policy(
                epochs=4, batch_size=4, controls=(Control(kind="nll", epochs=1), Control(kind="rft", epochs=1)), **SHORT
            )
        },
    ),
}
STAGES["policy-tries"] = (
    policy_stage.run,
    {
        "policy": Policy(
            epochs=4, batch_tokens=300, controls=(Control(kind="nll", epochs=1, batch_tokens=300), CONTROLS[1]), **SHORT
        )
    },
)
# The stop texts end the programs of a policy with random weights after a few tokens.
RL = {"updates": 6, "prompts": 4, "samples": 2, "maxNewTokens": 24, "epochs": 2, "value": {"pretrainUpdates": 2}}
STAGES["policy-ppo"] = (
    policy_stage.run,
    {
        "policy": Policy.model_validate(
            {
                "algorithm": "ppo",
                "batch_size": 4,
                "rl": {**RL, "rewards": [{"kind": "verdict"}], "credit": {"rule": "outcome"}},
                **SHORT,
                "save_steps": 4,
            }
        ),
        "evaluation": Evaluation(stop=("e", "o", "v", "1", "(")),
    },
)
STAGES |= {
    f"{name}-lora": (STAGES[name][0], {**STAGES[name][1], "peft": Peft(rank=2, dropout=0.1)})
    for name in ("sft", "reward", "policy", "policy-ppo")
}


def start(stage: str, context: StageContext) -> BaseProcess:
    """The stage in a process of its own."""
    process = PROCESSES.Process(target=STAGES[stage][0], args=(context,))
    process.start()
    return process


def finish(stage: str, context: StageContext) -> None:
    """Run the stage to its end."""
    process = start(stage, context)
    process.join()
    assert process.exitcode == 0


def stop_after_a_checkpoint(stage: str, context: StageContext, number: signal.Signals) -> None:
    """Send the signal once the first checkpoint is complete, long before the last step."""
    process = start(stage, context)
    pointer = context.work / "train" / "LATEST"
    while not pointer.exists():
        process.join(0.005)
        assert process.exitcode is None
    assert process.pid is not None
    os.kill(process.pid, number)
    process.join()
    assert process.exitcode == -number


def weights(context: StageContext) -> dict[str, bytes]:
    """Every weights file below the stage's output."""
    return {str(path.relative_to(context.output)): path.read_bytes() for path in context.output.rglob("*.safetensors")}


@pytest.mark.parametrize("stage", list(STAGES))
def test_killed_and_resumed_is_undisturbed(
    stage: str, make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    sections = STAGES[stage][1]
    undisturbed = make_context(tmp_path / "undisturbed", **sections)
    killed = make_context(tmp_path / "killed", **sections)
    finish(stage, undisturbed)
    stop_after_a_checkpoint(stage, killed, signal.SIGKILL)
    assert not weights(killed)
    finish(stage, killed)
    assert weights(killed) == weights(undisturbed)
    name = "adapter_model.safetensors" if stage.endswith("lora") else "model.safetensors"
    trained = sections["policy"].controls if "policy" in sections else ()
    assert set(weights(killed)) == {name, *(f"controls/{control.kind}/{name}" for control in trained)}
    log = json.loads((killed.output / "training_log.json").read_text())
    assert log[-1]["step"] == json.loads((undisturbed.output / "training_log.json").read_text())[-1]["step"]


def test_rounds_killed_twice_and_resumed_are_undisturbed(
    make_context: Callable[..., StageContext], taught_policy: Path, tmp_path: Path
) -> None:
    """Online DPO is killed in the training of its first round, and again once the second one has its pairs."""
    sampling = {"samples": 4, "temperature": 0.7, "maxNewTokens": 160}
    dpo = {"rounds": 2, "beta": 0.5, "sampling": sampling}
    section = Policy.model_validate({"batch_size": 1, **SHORT, "save_steps": 1, "dpo": dpo})
    undisturbed, killed = (make_context(tmp_path / name, policy=section) for name in ("undisturbed", "killed"))
    undisturbed, killed = (
        replace(context, artifacts={"pretrain": taught_policy}, train=context.train[:4])
        for context in (undisturbed, killed)
    )
    finish("policy", undisturbed)
    for sign in ("round-1/LATEST", "round-2/pairs.json"):
        kill_after(killed.work / "train" / sign, "policy", killed)
        assert not weights(killed)
    finish("policy", killed)
    assert weights(killed) == weights(undisturbed)
    rows, expected = (
        [{**json.loads(line), "seconds": {}} for line in (one.output / "rounds.jsonl").read_text().splitlines()]
        for one in (killed, undisturbed)
    )
    assert rows == expected


def test_the_curriculum_and_the_reward_model_in_training_resume(
    make_context: Callable[..., StageContext], taught_policy: Path, reward_models: dict[str, Path], tmp_path: Path
) -> None:
    rl = {
        "updates": 5,
        "prompts": 4,
        "samples": 4,
        "temperature": 0.7,
        "maxNewTokens": 160,
        "curriculum": "cccs",
        "rewardModel": {"refreshEvery": 2, "learningRate": 1e-3},
    }
    section = Policy.model_validate({"algorithm": "rloo", "batch_size": 4, **SHORT, "save_steps": 1, "rl": rl})
    artifacts = {"pretrain": taught_policy, "reward": reward_models["first"]}
    undisturbed, killed = (
        replace(context, artifacts=artifacts, train=context.train[:4])
        for context in (make_context(tmp_path / name, policy=section) for name in ("undisturbed", "killed"))
    )
    finish("policy-ppo", undisturbed)
    for number in (1, 3):  # before the first training of the reward model, and with steps that wait for the second
        kill_after(killed.work / "train" / f"checkpoint-{number}", "policy-ppo", killed)
        assert not weights(killed)
    finish("policy-ppo", killed)
    assert weights(killed) == weights(undisturbed)
    rows, expected = (
        [{**json.loads(line), "seconds": {}} for line in (one.output / "updates.jsonl").read_text().splitlines()]
        for one in (killed, undisturbed)
    )
    assert rows == expected


def kill_after(sign: Path, stage: str, context: StageContext) -> None:
    """Send SIGKILL to the stage once the file exists."""
    process = start(stage, context)
    while not sign.exists():
        process.join(0.005)
        assert process.exitcode is None
    process.kill()
    process.join()


def test_sigterm_saves_first(make_context: Callable[..., StageContext], tmp_path: Path) -> None:
    sections = {"sft": Sft(epochs=6, batch_size=2, **{**SHORT, "save_steps": 5})}
    undisturbed, stopped = (make_context(tmp_path / name, **sections) for name in ("undisturbed", "stopped"))
    stop_after_a_checkpoint("sft", stopped, signal.SIGTERM)
    step = int((stopped.work / "train" / "LATEST").read_text().split("-")[1])
    assert step < 36
    finish("sft", stopped)
    finish("sft", undisturbed)
    assert weights(stopped) == weights(undisturbed)


def test_a_finished_training_that_was_not_published_is_not_trained_again(
    make_context: Callable[..., StageContext], tmp_path: Path
) -> None:
    first = make_context(tmp_path, **STAGES["sft"][1])
    finish("sft", first)
    checkpoint = first.work / "train" / (first.work / "train" / "LATEST").read_text().strip() / "model.safetensors"
    before = checkpoint.stat().st_mtime_ns, weights(first)
    for path in sorted(first.output.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    finish("sft", first)
    assert (checkpoint.stat().st_mtime_ns, weights(first)) == before
