"""Reinforcement learning end to end: what is sampled, executed, scored, rewarded, dropped and learnt."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM

from prlcoder.problems.prompts import PromptTemplate
from prlcoder.spec import Evaluation, Policy
from prlcoder.stages.context import StageContext
from prlcoder.training.stages import policy as policy_stage

pytestmark = [pytest.mark.needs_torch, pytest.mark.needs_sandbox]

NANO = PromptTemplate("nano")
# A policy with random weights writes no EOS for a long time; these letters end its programs after a few tokens.
STOP = ("e", "o", "v", "1", "(")
SMALL: dict[str, Any] = {"updates": 3, "prompts": 4, "samples": 2, "maxNewTokens": 24}
VERDICT: dict[str, Any] = {"rewards": [{"kind": "verdict"}], "credit": {"rule": "outcome"}}


def policy(algorithm: str = "ppo", rl: dict[str, Any] | None = None, **fields: Any) -> Policy:
    """A section that trains for a few updates, by verdicts alone."""
    return Policy.model_validate(
        {
            "algorithm": algorithm,
            "learningRate": 1e-3,
            "batchSize": 4,
            "lrScheduler": "constant",
            "warmupRatio": 0.0,
            **fields,
            "rl": {**SMALL, **VERDICT, **(rl or {})},
        }
    )


def run(make_context: Callable[..., StageContext], folder: Path, section: Policy) -> tuple[StageContext, Any]:
    """The stage's context and its metrics."""
    context = make_context(folder, policy=section, evaluation=Evaluation(stop=STOP))
    return context, policy_stage.run(context)


def updates(context: StageContext) -> list[dict[str, Any]]:
    """The rows of the published log."""
    return [json.loads(line) for line in (context.output / "updates.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("algorithm", ["ppo", "rloo", "grpo"])
def test_a_policy_is_trained_published_and_logged(
    make_context: Callable[..., StageContext], tmp_path: Path, algorithm: str
) -> None:
    pretraining = {"value": {"pretrainUpdates": 1, "learningRate": 1e-3}} if algorithm == "ppo" else {}
    context, metrics = run(make_context, tmp_path, policy(algorithm, pretraining))
    rows = updates(context)
    assert metrics["updates"] == 3
    assert [row["phase"] for row in rows] == (["value"] if pretraining else []) + ["policy"] * 3
    assert all(row["sampled"] == 8 for row in rows)
    for row in rows:
        assert row["rewards"]["verdict"] == row["rewards"]["total"]
        assert {"pass_rate", "length", "seconds", "dropped", "verdicts"} <= row.keys()
    AutoModelForCausalLM.from_pretrained(context.output)
    card = (context.output / "README.md").read_text()
    assert f"# A policy improved by {algorithm.upper()}" in card
