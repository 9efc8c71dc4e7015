"""Online step-level DPO: rounds on the policy's own newest errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from prlcoder.errors import InputError, WorkError
from prlcoder.spec import Policy
from prlcoder.stages.context import StageContext
from prlcoder.training.algorithms.online_dpo import plausible
from prlcoder.training.stages import policy as policy_stage

pytestmark = [pytest.mark.needs_torch, pytest.mark.needs_sandbox]

SAMPLING: dict[str, Any] = {"samples": 4, "temperature": 0.7, "maxNewTokens": 160}


def policy(*, sampling: dict[str, Any] | None = None, **dpo: Any) -> Policy:
    """A section with two rounds."""
    return Policy.model_validate(
        {
            "algorithm": "dpo",
            "learningRate": 1e-3,
            "batchSize": 1,
            "warmupRatio": 0.0,
            "dpo": {"rounds": 2, "beta": 0.5, "sampling": {**SAMPLING, **(sampling or {})}, **dpo},
        }
    )


def run(make_context: Callable[..., StageContext], folder: Path, model: Path, section: Policy) -> StageContext:
    """The stage, started from ``model``."""
    context = make_context(folder, policy=section)
    context = replace(context, artifacts={"pretrain": model}, train=context.train[:4])  # without a supervision
    policy_stage.run(context)
    return context


def rounds(context: StageContext) -> list[dict[str, Any]]:
    """The rows of the published log."""
    return [json.loads(line) for line in (context.output / "rounds.jsonl").read_text().splitlines()]


def first_steps(rows: list[dict[str, Any]]) -> list[int]:
    """The number of each round's first optimiser step; a step is one pair."""
    return [1, 1 + rows[0]["pairs"]]


def test_each_round_trains_on_pairs_of_the_policy_as_it_is(
    make_context: Callable[..., StageContext], taught_policy: Path, tmp_path: Path
) -> None:
    context = run(make_context, tmp_path, taught_policy, policy())
    rows = rounds(context)
    assert [row["round"] for row in rows] == [1, 2]
    for row in rows:
        assert row["sampled"] == 16
        assert row["pairs"] > 0
        passing = row["verdicts"].get("passed", 0)
        assert row["pass_rate"] == pytest.approx(passing / sum(row["verdicts"].values()))
        # Every sampled program passes, makes a pair, or is counted by the reason why it does not.
        assert passing + row["pairs"] + sum(row["dropped"].values()) == row["sampled"]
    # In the first step of each round policy and reference agree, so the reward margin is 0; later it is not.
    log = json.loads((context.output / "training_log.json").read_text())
    first = [next(entry for entry in log if entry["step"] == step and "loss" in entry) for step in first_steps(rows)]
    assert [entry["rewards/margins"] for entry in first] == pytest.approx([0.0, 0.0], abs=1e-5)
    AutoModelForCausalLM.from_pretrained(context.output)
    before, after = (load_file(folder / "model.safetensors") for folder in (taught_policy, context.output))
    assert any((after[name] != weight).any() for name, weight in before.items())
    assert "# A policy improved by step-level DPO" in (context.output / "README.md").read_text()


def test_the_first_wrong_step_may_be_found_by_rollouts(
    make_context: Callable[..., StageContext], taught_policy: Path, tmp_path: Path
) -> None:
    section = policy(sampling={"locate": "rollout", "rollouts": 2, "prompts": 2})
    rows = rounds(run(make_context, tmp_path, taught_policy, section))
    assert all(row["sampled"] == 8 for row in rows)
    assert sum(row["pairs"] for row in rows) > 0


def test_implausible_pairs_are_left_out_and_counted(
    make_context: Callable[..., StageContext], taught_policy: Path, tmp_path: Path
) -> None:
    (row, _) = rounds(run(make_context, tmp_path, taught_policy, policy(sampling={"maxLogRatio": 1e-6})))
    assert row["dropped"]["implausible"] > 0
    assert row["pairs"] + row["dropped"]["implausible"] == row["located"]


def test_a_pair_is_plausible_up_to_the_largest_ratio() -> None:
    pairs = Dataset.from_dict({"ref_chosen_logps": [-1.0, -1.0, -5.0], "ref_rejected_logps": [-3.0, -4.5, -1.0]})
    assert plausible(pairs, 3.0) == [0, 2]
    assert plausible(pairs, None) == [0, 1, 2]


def test_rounds_without_any_pair_end_the_training(
    make_context: Callable[..., StageContext], nano_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(WorkError, match=r"policy: no round made a pair; left out: .*truncated"):
        run(make_context, tmp_path, nano_folder, policy(sampling={"maxNewTokens": 2}))


def test_problems_without_solutions_or_tests_are_refused_before_the_first_round(
    make_context: Callable[..., StageContext], nano_folder: Path, tmp_path: Path
) -> None:
    context = make_context(tmp_path, policy=policy())
    first, *others = context.train
    for changed, message in (
        (replace(first, solutions=()), "1 of 12 training problems have no canonical solution"),
        (replace(first, tests=replace(first.tests, cases=())), "1 of 12 training problems have no tests"),
    ):
        with pytest.raises(InputError, match=rf"policy\.dpo\.rounds: {message}"):
            policy_stage.run(replace(context, train=(changed, *others)))
