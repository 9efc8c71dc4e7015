"""Contradictions in the section ``policy``, and settings of ``policy.rl`` that are not built. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from prlcoder.spec.document import FieldPath
from prlcoder.spec.rl import RL_ALGORITHMS, Rl
from prlcoder.spec.training import Policy
from prlcoder.spec.trainingrun import Spec

Contradiction = tuple[FieldPath, str, str]
"""Location below ``policy``, what is wrong, and what to do."""


def policy_contradictions(spec: Spec) -> Iterator[Contradiction]:
    """Everything that ``spec.policy`` contradicts within itself or in other sections."""
    policy = spec.policy
    if policy is None or policy.from_ is not None:
        return
    yield from _other_members(policy)
    rl = policy.rl
    if policy.algorithm not in RL_ALGORITHMS or rl is None:
        return
    if policy.controls and spec.supervision is None:
        yield ("controls",), "need supervision and the spec has none", "add `supervision`, or remove the controls"
    yield from _training_fields(policy)
    yield from _sampling(policy.algorithm, rl)
    yield from _rewards(spec, rl)
    yield from _not_built(spec, rl)


def _other_members(policy: Policy) -> Iterator[Contradiction]:
    """Only the section that the algorithm reads may be given."""
    rl = policy.algorithm in RL_ALGORITHMS
    if policy.rl is not None and not rl:
        yield ("rl",), f"`algorithm: {policy.algorithm}` does not read it", "remove it, or set algorithm to ppo"
    if policy.dpo is not None and rl:
        yield ("dpo",), f"`algorithm: {policy.algorithm}` does not read it", "remove it, or set algorithm to dpo"


def _training_fields(policy: Policy) -> Iterator[Contradiction]:
    """Fields of all trainings that RL does not read. They may have their defaults, which an API server writes out."""
    if policy.epochs != Policy.model_fields["epochs"].default:
        yield ("epochs",), f"`{policy.algorithm}` makes no passes over data", "set rl.updates and rl.epochs instead"
    if policy.batch_tokens is not None:
        yield ("batchTokens",), f"`{policy.algorithm}` has no pairs", "remove it; a batch is batchSize rollouts"
    if policy.gradient_checkpointing:
        yield ("gradientCheckpointing",), f"`{policy.algorithm}` cannot recompute activations", "remove it"


def _sampling(algorithm: str, rl: Rl) -> Iterator[Contradiction]:
    if rl.top_p < 1 and rl.correction.kind != "none":
        what = f"cannot be corrected for by a ratio of probabilities, as `correction: {rl.correction.kind}` does"
        yield ("rl", "topP"), what, "set it to 1.0, or correction to `{kind: none}`"
    if algorithm != "ppo" and rl.samples < 2:
        yield ("rl", "samples"), f"`{algorithm}` compares the programs of a problem", "set it to 2 or more"
    if algorithm != "ppo" and rl.value is not None:
        yield ("rl", "value"), f"`{algorithm}` has no value model", "remove it, or set algorithm to ppo"
    if rl.kl.in_ == "loss" and rl.kl.estimator == "k1":
        yield ("rl", "kl", "estimator"), "the gradient of k1 is zero on average", "set it to k3, or kl.in to reward"


def _rewards(spec: Spec, rl: Rl) -> Iterator[Contradiction]:
    kinds = [term.kind for term in rl.rewards]
    for index, kind in enumerate(kinds):
        if kind in kinds[:index]:
            yield ("rl", "rewards", index, "kind"), f"`{kind}` is given {kinds.count(kind)} times", "keep one of them"
    for index, term in enumerate(rl.rewards):
        if term.adaptive and term.kind != "verdict":
            yield ("rl", "rewards", index, "adaptive"), "is a field of `kind: verdict`", "remove it"
    if not any(term.weight for term in rl.rewards):
        yield ("rl", "rewards"), "nothing is rewarded", "add `{kind: verdict}`"
    if rl.scores_steps and spec.reward is None:
        where: FieldPath = ("rl", "rewards") if "process" in kinds else ("rl", "credit", "rule")
        yield where, "needs a process reward model and the spec has none", "add `reward`, or `reward: {from: FOLDER}`"
    elif rl.scores_steps and spec.reward is not None and spec.reward.kind != "prm":
        yield ("rl", "rewards"), f"`reward: {{kind: {spec.reward.kind}}}` scores no steps", "set reward.kind to prm"
    elif rl.value is not None and rl.value.init == "reward" and spec.reward is None:
        yield ("rl", "value", "init"), "`reward` is not a stage of this spec", "add `reward`, or start from `policy`"
    if "process" in kinds and rl.credit.rule in ("outcome", "filter"):
        index = kinds.index("process")
        what = f"`credit: {{rule: {rl.credit.rule}}}` gives no reward for steps"
        yield ("rl", "rewards", index), what, "remove the term, or choose another rule"
    if "process" not in kinds and rl.credit.rule not in ("outcome", "filter"):
        what = f"`{rl.credit.rule}` distributes the term `process`, and rl.rewards has none"
        yield ("rl", "credit", "rule"), what, "add `{kind: process}` to rl.rewards, or set the rule to outcome"


def _not_built(spec: Spec, rl: Rl) -> Iterator[Contradiction]:
    """Settings of the API that no code implements yet. docs/limits.md lists them."""
    if rl.engine.kind != "transformers":
        yield ("rl", "engine", "kind"), f"`{rl.engine.kind}` cannot sample rollouts yet", "set it to transformers"
    if rl.reward_model.refresh_every is not None:
        yield ("rl", "rewardModel", "refreshEvery"), "the reward model cannot be retrained yet", "remove it"
    if rl.credit.rule == "first-error" and rl.credit.by == "execution" and rl.credit.locate == "rollout":
        yield ("rl", "credit", "locate"), "rollouts cannot find the first wrong step yet", "set it to splice"
    if rl.curriculum != "none":
        yield ("rl", "curriculum"), f"`{rl.curriculum}` is not built yet", "set it to none"
    for index, term in enumerate(rl.rewards):
        if term.kind == "outcome-model":
            yield ("rl", "rewards", index, "kind"), f"`{term.kind}` is not built yet", "remove the term"
    if spec.services.policy is not None:
        what = f"services.policy is {spec.services.policy}, and RL samples in the trainer's process"
        yield ("rl", "engine"), what, "remove services.policy"
    if spec.stages.of("policy").nodes > 1:
        yield (
            ("algorithm",),
            f"`{spec.policy and spec.policy.algorithm}` trains in one pod",
            "set stages.policy.nodes to 1",
        )
