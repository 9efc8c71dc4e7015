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
    "credit": {"rule": "mean", "by": "prm", "final": "none", "locate": "splice", "rollouts": 4},
    "mask": "none",
    "curriculum": "none",
    "kl": {"coefficient": 0.05, "estimator": "k1", "in": "reward"},
    "gamma": 1.0,
    "lambda": 0.95,
    "clip": 0.2,
    "epochs": 1,
    "value": {"init": "policy", "pretrainUpdates": 10, "learningRate": 5e-6, "lambda": 1.0},
    "correction": {"kind": "token-truncate", "cap": 2.0},
    "rewardModel": {"refreshEvery": None, "epochs": 1.0, "learningRate": 2e-5},
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
    "credit": {"rule": "sum", "by": "prm", "final": "bonus", "locate": "splice", "rollouts": 4},
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
        (
            ["reward.kind=orm", "policy.rl={rewards: [{kind: outcome-model}], credit: {rule: outcome}}"],
            ("pretrain", "supervise", "reward"),
        ),
    ],
)
def test_the_policy_reads_the_reward_model_if_it_scores_steps(
    path: Path, sets: list[str], expected: tuple[str, ...]
) -> None:
    assert manifest.load(path, sets).reads("policy") == expected


def test_rl_needs_no_supervision(path: Path) -> None:
    sets = ["supervision=null", "reward=null", "policy.rl={rewards: [{kind: verdict}], credit: {rule: outcome}}"]
    assert manifest.load(path, sets).reads("policy") == ("pretrain",)


@pytest.mark.parametrize(
    ("rl", "message"),
    [
        ("{credit: {rule: filter}, rewards: [{kind: verdict}]}", r"rl\.credit\.rule: needs a process reward model"),
        ("{credit: {rule: min}}", r"rl\.rewards: needs a process reward model"),
        ("{credit: {rule: outcome}, rewards: [{kind: outcome-model}]}", r"rl\.rewards\[0\]: needs an outcome reward"),
    ],
)
def test_what_needs_a_reward_model_is_refused_without_one(path: Path, rl: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        manifest.load(path, ["reward=null", f"policy={{algorithm: rloo, rl: {rl}}}"])


def test_errors_may_be_punished_without_a_reward_model(path: Path) -> None:
    rl = "{rewards: [{kind: verdict}, {kind: error-location}], credit: {rule: sum}}"
    run = manifest.load(path, ["reward=null", f"policy={{algorithm: rloo, rl: {rl}}}"])
    assert run.reads("policy") == ("pretrain", "supervise")


def test_several_rounds_of_dpo_need_no_supervision(path: Path) -> None:
    sets = ["supervision=null", "reward=null", "policy={algorithm: dpo, dpo: {rounds: 5}}"]
    assert manifest.load(path, sets).reads("policy") == ("pretrain",)
    with pytest.raises(InputError, match=r"policy: needs supervision and the spec has none"):
        manifest.load(path, [*sets[:2], "policy={algorithm: dpo}"])
    rules_only = "supervision={teachers: [{kind: rules}]}"
    assert manifest.load(path, [rules_only, "reward=null", "policy={dpo: {rounds: 2, origins: [policy]}}"])


REFUSED = {
    "policy.rl.topP=0.9": "rl.topP: cannot be corrected for by a ratio of probabilities, as "
    "`correction: token-truncate` does; set it to 1.0, or correction to `{kind: none}`",
    "reward=null": "rl.rewards: needs a process reward model and the spec has none; add `reward`, or "
    "`reward: {from: FOLDER}`",
    "policy.dpo={}": "dpo: `algorithm: ppo` does not read it; remove it, or set algorithm to dpo",
    "policy={dpo: {sampling: {samples: 8}}}": "dpo.sampling: one round trains on the supervision's pairs; remove it, "
    "or set dpo.rounds",
    "policy={epochs: 2, dpo: {rounds: 3}}": "epochs: each of several rounds makes one pass over its pairs; remove it; "
    "set dpo.rounds instead",
    "policy={dpo: {rounds: 3, origins: [mutation]}}": "dpo.origins: the rejected steps of several rounds are the "
    "policy's own; add policy",
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
    "policy.rl.rewards=[{kind: verdict}]": "rl.credit.rule: `mean` distributes the rewards of steps, and no term of "
    "rl.rewards gives any; add `{kind: process}` to rl.rewards, or set the rule to outcome",
    "policy.rl.engine={kind: vllm, weights: ipc}": "rl.engine.weights: `ipc` is not implemented; set it to uri",
    "policy.rl.rewards=[{kind: verdict}, {kind: outcome-model}]": "rl.rewards[1]: `reward: {kind: prm}` scores steps, "
    "not programs; set reward.kind to orm",
    "policy={algorithm: rloo, rl: {rewards: [{kind: verdict}], credit: {rule: outcome}, rewardModel: "
    "{refreshEvery: 5}}}": "rl.rewardModel.refreshEvery: no process reward model scores the rollouts; remove it",
    "policy.rl={rewards: [{kind: error-location}], credit: {rule: outcome}}": "rl.rewards[0]: `credit: {rule: "
    "outcome}` gives no reward for steps; remove the term, or choose another rule",
    "policy.rl={rewards: [{kind: process}, {kind: error-location}], credit: {rule: first-error}}": "rl.rewards[1]: "
    "`credit: {rule: first-error}` gives steps fixed rewards; remove the term, or choose another rule",
    "policy.rl={rewards: [{kind: verdict}], credit: {rule: first-error}}": "rl.credit.rule: `first-error` distributes "
    "the term `process`, and rl.rewards has none; add `{kind: process}` to rl.rewards, or set the rule to outcome",
    "services.policy=host:1": "rl.engine.kind: `transformers` samples in the trainer's process, and services.policy is "
    "host:1; remove services.policy, or set the kind to vllm",
    "stages.policy={nodes: 2}": "algorithm: `ppo` trains in one pod; set stages.policy.nodes to 1",
}


@pytest.mark.parametrize("override", REFUSED)
def test_a_contradiction_is_refused(path: Path, override: str) -> None:
    with pytest.raises(InputError) as caught:
        manifest.load(path, [override])
    assert f"spec.policy.{REFUSED[override]}" in str(caught.value)
