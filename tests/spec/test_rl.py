"""The section ``policy.rl``: presets, what is refused, and which stages the policy reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from prlcoder.cli.main import main
from prlcoder.errors import InputError
from prlcoder.spec import Policy, manifest

RUN = """\
apiVersion: prlcoder.dev/v1alpha1
kind: TrainingRun
metadata: {name: example}
spec:
  model: {scratch: {preset: nano}, promptTemplate: nano}
  problems: {source: nano}
  supervision: {}
  reward: {}
  policy: {algorithm: ppo}
  evaluation: {}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A valid manifest with PPO."""
    file = tmp_path / "run.yaml"
    file.write_text(RUN)
    return file


def resolved(**rl: Any) -> dict[str, Any]:
    """The section with every default written out."""
    policy = Policy.model_validate({"algorithm": "ppo", "rl": rl})
    assert policy.rl is not None
    return policy.rl.model_dump(mode="json", by_alias=True)


ROBUST = {
    "preset": "robust",
    "updates": 60,
    "prompts": 32,
    "samples": 4,
    "temperature": 1.0,
    "topP": 1.0,
    "maxNewTokens": 512,
    "rewards": [
        {"kind": "process", "weight": 1.0, "adaptive": False},
        {"kind": "verdict", "weight": 1.0, "adaptive": False},
    ],
    "credit": {"rule": "mean", "by": "prm", "final": "none", "locate": "splice"},
    "mask": "none",
    "curriculum": "none",
    "kl": {"coefficient": 0.05, "estimator": "k1", "in": "reward"},
    "gamma": 1.0,
    "lambda": 0.95,
    "clip": 0.2,
    "epochs": 1,
    "value": {"init": "policy", "pretrainUpdates": 10, "learningRate": 5e-6, "lambda": 1.0},
    "correction": {"kind": "token-truncate", "cap": 2.0},
    "rewardModel": {"refreshEvery": None},
    "engine": {"kind": "transformers", "weights": "uri"},
    "monitors": {
        "every": 5,
        "programs": 64,
        "window": 10,
        "minAuroc": 0.6,
        "maxKl": 0.25,
        "minEntropy": 0.1,
        "maxCommentGrowth": 0.1,
    },
}
PAPER = {
    **ROBUST,
    "preset": "paper",
    "temperature": 0.6,
    "topP": 0.95,
    "rewards": ROBUST["rewards"][:1],  # type: ignore[index]
    "credit": {"rule": "sum", "by": "prm", "final": "bonus", "locate": "splice"},
    "lambda": 1.0,
    "value": {"init": "policy", "pretrainUpdates": 0, "learningRate": 5e-6, "lambda": 1.0},
    "correction": {"kind": "none", "cap": 2.0},
}


def test_the_presets_resolved() -> None:
    assert resolved() == ROBUST
    assert resolved(preset="paper") == PAPER


def test_the_plan_prints_the_resolved_section(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(path), "--set", "policy.rl.preset=paper", "--set", f"storage.uri={path.parent}"]) == 0
    shown = capsys.readouterr().out.partition("all defaults:\n")[2]
    assert yaml.safe_load(shown) == PAPER


def test_what_the_manifest_says_comes_before_the_preset() -> None:
    given = resolved(preset="paper", topP=1.0, credit={"rule": "min"}, value={"init": "reward"})
    assert given["topP"] == 1.0
    assert given["credit"] == {**PAPER["credit"], "rule": "min"}  # type: ignore[dict-item]
    assert given["value"] == {**PAPER["value"], "init": "reward"}  # type: ignore[dict-item]
    assert resolved(correction={"kind": "sequence-mask"})["correction"]["cap"] == 3.0


def test_a_resolved_manifest_is_the_same_manifest(path: Path) -> None:
    run = manifest.load(path, ["policy.rl.preset=paper"])
    path.write_text(manifest.dump(run))
    assert manifest.load(path) == run


def test_only_the_named_member_is_filled_in() -> None:
    for algorithm in ("rloo", "grpo"):
        policy = Policy.model_validate({"algorithm": algorithm, "rl": {"preset": "paper"}})
        assert policy.dpo is None
        assert policy.rl is not None
        assert policy.rl.value is None
    assert Policy().rl is None


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        ([], ("pretrain", "supervise", "reward")),
        (["policy.rl.rewards=[{kind: verdict}]", "policy.rl.credit.rule=outcome"], ("pretrain", "supervise")),
        (["policy={algorithm: dpo}"], ("pretrain", "supervise")),
    ],
)
def test_the_policy_reads_the_reward_model_if_it_scores_steps(
    path: Path, sets: list[str], expected: tuple[str, ...]
) -> None:
    assert manifest.load(path, sets).reads("policy") == expected


def test_rl_needs_no_supervision(path: Path) -> None:
    sets = ["supervision=null", "reward=null", "policy.rl={rewards: [{kind: verdict}], credit: {rule: outcome}}"]
    assert manifest.load(path, sets).reads("policy") == ("pretrain",)


REFUSED = {
    "policy.rl.topP=0.9": "rl.topP: cannot be corrected for by a ratio of probabilities, as "
    "`correction: token-truncate` does; set it to 1.0, or correction to `{kind: none}`",
    "reward=null": "rl.rewards: needs a process reward model and the spec has none; add `reward`, or "
    "`reward: {from: FOLDER}`",
    "policy.dpo={}": "dpo: `algorithm: ppo` does not read it; remove it, or set algorithm to dpo",
    "policy={rl: {}}": "rl: `algorithm: dpo` does not read it; remove it, or set algorithm to ppo",
    "policy={algorithm: rloo, rl: {value: {}}}": "rl.value: `rloo` has no value model; remove it, or set algorithm to "
    "ppo",
    "policy={algorithm: grpo, rl: {samples: 1}}": "rl.samples: `grpo` compares the programs of a problem; set it to 2 "
    "or more",
    "policy.epochs=2": "epochs: `ppo` makes no passes over data; set rl.updates and rl.epochs instead",
    "policy.rl.kl.in=loss": "rl.kl.estimator: the gradient of k1 is zero on average; set it to k3, or kl.in to reward",
    "policy.rl.rewards=[{kind: process}, {kind: process}]": "rl.rewards[1].kind: `process` is given 2 times; keep one "
    "of them",
    "policy.rl.rewards=[{kind: process, adaptive: true}]": "rl.rewards[0].adaptive: is a field of `kind: verdict`; "
    "remove it",
    "policy.rl.rewards=[]": "rl.rewards: nothing is rewarded; add `{kind: verdict}`",
    "policy.rl.credit.rule=outcome": "rl.rewards[0]: `credit: {rule: outcome}` gives no reward for steps; remove the "
    "term, or choose another rule",
    "policy.rl.rewards=[{kind: verdict}]": "rl.credit.rule: `mean` distributes the term `process`, and rl.rewards has "
    "none; add `{kind: process}` to rl.rewards, or set the rule to outcome",
    "policy.rl.engine.kind=vllm": "rl.engine.kind: `vllm` cannot sample rollouts yet; set it to transformers",
    "policy.rl.rewardModel.refreshEvery=5": "rl.rewardModel.refreshEvery: the reward model cannot be retrained yet; "
    "remove it",
    "services.policy=host:1": "rl.engine: services.policy is host:1, and RL samples in the trainer's process; remove "
    "services.policy",
    "stages.policy={nodes: 2}": "algorithm: `ppo` trains in one pod; set stages.policy.nodes to 1",
}


@pytest.mark.parametrize("override", REFUSED)
def test_a_contradiction_is_refused(path: Path, override: str) -> None:
    with pytest.raises(InputError) as caught:
        manifest.load(path, [override])
    assert f"spec.policy.{REFUSED[override]}" in str(caught.value)
