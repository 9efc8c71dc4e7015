"""Contradictions in the section ``policy``, and settings of ``policy.rl`` that are not built. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from prlcoder.spec.document import FieldPath
from prlcoder.spec.rl import RL_ALGORITHMS, STEP_TERMS, RewardTermKind, Rl
from prlcoder.spec.training import Dpo, DpoSampling, Policy
from prlcoder.spec.trainingrun import Spec

Contradiction = tuple[FieldPath, str, str]
"""Location below ``policy``, what is wrong, and what to do."""


def policy_contradictions(spec: Spec) -> Iterator[Contradiction]:
    """Everything that ``spec.policy`` contradicts within itself or in other sections."""
    policy = spec.policy
    if policy is None or policy.from_ is not None:
        return
    yield from _other_members(policy)
    if policy.learns_from_rollouts and policy.controls and spec.supervision is None:
        yield ("controls",), "need supervision and the spec has none", "add `supervision`, or remove the controls"
    if policy.algorithm == "dpo" and policy.dpo is not None:
        yield from _rounds(spec, policy, policy.dpo)
    rl = policy.rl
    if policy.algorithm not in RL_ALGORITHMS or rl is None:
        return
    yield from _training_fields(policy)
    yield from _sampling(policy.algorithm, rl)
    yield from _rewards(spec, rl)
    yield from _refresh(spec, rl)
    yield from _engine(spec, rl)
    yield from _not_built(spec, rl)


def _other_members(policy: Policy) -> Iterator[Contradiction]:
    """Only the section that the algorithm reads may be given."""
    rl = policy.algorithm in RL_ALGORITHMS
    if policy.rl is not None and not rl:
        yield ("rl",), f"`algorithm: {policy.algorithm}` does not read it", "remove it, or set algorithm to ppo"
    if policy.dpo is not None and rl:
        yield ("dpo",), f"`algorithm: {policy.algorithm}` does not read it", "remove it, or set algorithm to dpo"


def _rounds(spec: Spec, policy: Policy, dpo: Dpo) -> Iterator[Contradiction]:
    """Settings of DPO that only several rounds read, and what these cannot do."""
    if dpo.rounds == 1:
        if dpo.sampling != DpoSampling():
            yield ("dpo", "sampling"), "one round trains on the supervision's pairs", "remove it, or set dpo.rounds"
        return
    if "policy" not in dpo.origins:
        yield ("dpo", "origins"), "the rejected steps of several rounds are the policy's own", "add policy"
    if policy.epochs != Policy.model_fields["epochs"].default:
        yield ("epochs",), "each of several rounds makes one pass over its pairs", "remove it; set dpo.rounds instead"
    if spec.services.policy is not None:
        what = f"services.policy is {spec.services.policy}, and rounds sample in the trainer's process"
        yield ("dpo", "rounds"), what, "remove services.policy"
    if spec.stages.of("policy").nodes > 1:
        yield ("dpo", "rounds"), "several rounds train in one pod", "set stages.policy.nodes to 1"


def _training_fields(policy: Policy) -> Iterator[Contradiction]:
    """Fields of all trainings that RL does not read. They may have their defaults, which an API server writes out."""
    if policy.epochs != Policy.model_fields["epochs"].default:
        yield ("epochs",), f"`{policy.algorithm}` makes no passes over data", "set rl.updates and rl.epochs instead"
    if policy.batch_tokens is not None:
        yield ("batchTokens",), f"`{policy.algorithm}` has no pairs", "remove it; a batch is batchSize rollouts"


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
    if rl.scores_programs:
        yield from _outcome_model(spec, rl, kinds.index("outcome-model"))
    if rl.scores_steps and spec.reward is None:
        where: FieldPath = ("rl", "rewards") if "process" in kinds else ("rl", "credit", "rule")
        yield where, "needs a process reward model and the spec has none", "add `reward`, or `reward: {from: FOLDER}`"
    elif rl.scores_steps and spec.reward is not None and spec.reward.kind != "prm":
        yield ("rl", "rewards"), f"`reward: {{kind: {spec.reward.kind}}}` scores no steps", "set reward.kind to prm"
    elif rl.scores_steps and rl.scores_programs:
        yield ("rl", "rewards"), "a process and an outcome reward model are both needed, and a run has one", "keep one"
    elif rl.value is not None and rl.value.init == "reward" and spec.reward is None:
        yield ("rl", "value", "init"), "`reward` is not a stage of this spec", "add `reward`, or start from `policy`"
    yield from _step_terms(rl, kinds)


def _step_terms(rl: Rl, kinds: list[RewardTermKind]) -> Iterator[Contradiction]:
    """Terms that reward steps, and a credit rule that distributes them."""
    rule = rl.credit.rule
    for index, kind in enumerate(kinds):
        if kind in STEP_TERMS and rule in ("outcome", "filter"):
            what = f"`credit: {{rule: {rule}}}` gives no reward for steps"
            yield ("rl", "rewards", index), what, "remove the term, or choose another rule"
        elif kind == "error-location" and rule == "first-error":
            what = f"`credit: {{rule: {rule}}}` gives steps fixed rewards"
            yield ("rl", "rewards", index), what, "remove the term, or choose another rule"
    if rule == "first-error" and "process" not in kinds:
        what = f"`{rule}` distributes the term `process`, and rl.rewards has none"
        yield ("rl", "credit", "rule"), what, "add `{kind: process}` to rl.rewards, or set the rule to outcome"
    elif rule not in ("outcome", "filter") and not {*STEP_TERMS} & {*kinds}:
        what = f"`{rule}` distributes the rewards of steps, and no term of rl.rewards gives any"
        yield ("rl", "credit", "rule"), what, "add `{kind: process}` to rl.rewards, or set the rule to outcome"


def _outcome_model(spec: Spec, rl: Rl, index: int) -> Iterator[Contradiction]:
    """What the term ``outcome-model``, the ``index``-th one, needs."""
    where: FieldPath = ("rl", "rewards", index)
    if spec.reward is None:
        yield where, "needs an outcome reward model and the spec has none", "add `reward: {kind: orm}`"
    elif spec.reward.kind != "orm":
        yield where, f"`reward: {{kind: {spec.reward.kind}}}` scores steps, not programs", "set reward.kind to orm"


def _refresh(spec: Spec, rl: Rl) -> Iterator[Contradiction]:
    """What retraining the reward model needs."""
    if rl.reward_model.refresh_every is None:
        return
    where: FieldPath = ("rl", "rewardModel", "refreshEvery")
    if not rl.scores_steps:
        yield where, "no process reward model scores the rollouts", "remove it"
    if spec.services.prm is not None:
        yield where, f"the reward model at {spec.services.prm} is trained elsewhere", "remove it, or services.prm"


def _engine(spec: Spec, rl: Rl) -> Iterator[Contradiction]:
    """The engine `transformers` would not use a policy service. The engine `vllm` may lack an address here, because the
    environment may name one."""
    if rl.engine.kind == "transformers" and spec.services.policy is not None:
        what = f"`transformers` samples in the trainer's process, and services.policy is {spec.services.policy}"
        yield ("rl", "engine", "kind"), what, "remove services.policy, or set the kind to vllm"


def _not_built(spec: Spec, rl: Rl) -> Iterator[Contradiction]:
    """Settings of the API that no code implements yet. docs/limits.md lists them."""
    if rl.engine.weights == "ipc":
        yield ("rl", "engine", "weights"), "`ipc` is not implemented", "set it to uri"
    if spec.stages.of("policy").nodes > 1:
        yield (
            ("algorithm",),
            f"`{spec.policy and spec.policy.algorithm}` trains in one pod",
            "set stages.policy.nodes to 1",
        )
