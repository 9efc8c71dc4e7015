"""Checks of what the stages of a run train on and start from. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from prlcoder.spec.check_registry import SpecCheck, SpecFinding, registrar, repeated
from prlcoder.spec.rl_checks import policy_contradictions
from prlcoder.spec.section import CelRule
from prlcoder.spec.trainingrun import Spec

CHECKS: list[SpecCheck] = []
check = registrar(CHECKS)


ORIGIN_BY_TEACHER = {"rules": "mutation", "llm": "mutation", "policy": "policy"}
"""Origin of the rejected steps that each teacher makes."""


@check(
    CelRule(
        "has(self.model.scratch) || has(self.supervision) || has(self.sft) || has(self.reward) || has(self.policy)"
        " || has(self.evaluation)",
        "no stage to run; add at least one of supervision, sft, reward, policy, evaluation",
    )
)
def _some_stage(spec: Spec) -> Iterator[SpecFinding]:
    sections = (spec.pretrain, spec.supervision, spec.sft, spec.reward, spec.policy, spec.evaluation)
    if not any(sections) and spec.model.scratch is None:
        yield SpecFinding((), "no stage to run", "add at least one of supervision, sft, reward, policy, evaluation")


@check(
    CelRule(
        "self.split.validation + self.split.test < 1.0",
        "split: validation and test leave nothing to train on; their sum must stay below 1",
    ),
    at=("problems",),  # not at the split: its default must be valid before the defaults of its fields are set
)
def _training_split(spec: Spec) -> Iterator[SpecFinding]:
    split = spec.problems.split
    if split.validation + split.test >= 1:
        what = f"validation {split.validation:g} and test {split.test:g} leave nothing to train on"
        yield SpecFinding(("problems", "split"), what, "their sum must stay below 1")


@check(
    CelRule(
        "has(self.model.scratch) || !has(self.pretrain)",
        "pretrain: only a model from scratch is pre-trained; remove it, or give `model.scratch`",
    )
)
def _pretraining(spec: Spec) -> Iterator[SpecFinding]:
    if spec.model.scratch is None and spec.pretrain is not None:
        remedy = "remove it, or give `model.scratch`"
        yield SpecFinding(("pretrain",), "only a model from scratch is pre-trained", remedy)


@check(
    CelRule(
        "!has(self.scratch) || self.promptTemplate != 'chat'",
        "promptTemplate: a model from scratch has no chat template; set it to nano or plain",
    ),
    at=("model",),
)
def _prompt_template(spec: Spec) -> Iterator[SpecFinding]:
    if spec.model.scratch is not None and spec.model.prompt_template == "chat":
        remedy = "set it to nano or plain"
        yield SpecFinding(("model", "promptTemplate"), "a model from scratch has no chat template", remedy)


_IN_ROUNDS = "has(self.policy.dpo) && self.policy.dpo.rounds > 1"


def _needs_supervision(name: str, unless: str = "false") -> CelRule:
    return CelRule(
        f"!has(self.{name}) || has(self.{name}.from) || has(self.supervision) || {unless}",
        f"{name}: needs supervision and the spec has none; add `supervision`",
    )


@check(
    _needs_supervision("reward"),
    _needs_supervision("policy", f"self.policy.algorithm != 'dpo' || ({_IN_ROUNDS})"),
)
def _supervision_given(spec: Spec) -> Iterator[SpecFinding]:
    learns_from_rows = None if spec.policy is None or spec.policy.learns_from_rollouts else spec.policy
    for name, stage in (("reward", spec.reward), ("policy", learns_from_rows)):
        if stage is not None and stage.from_ is None and spec.supervision is None:
            remedy = "add `supervision`, or `supervision: {from: FOLDER}` to take a finished one"
            yield SpecFinding((name,), "needs supervision and the spec has none", remedy)


@check(
    CelRule(
        "!has(self.supervision) || has(self.supervision.from) || self.supervision.teachers.size() > 0",
        "supervision.teachers: no teacher proposes variants; add `{kind: rules}`",
    )
)
def _some_teacher(spec: Spec) -> Iterator[SpecFinding]:
    supervision = spec.supervision
    if supervision is not None and not supervision.teachers and supervision.from_ is None:
        yield SpecFinding(("supervision", "teachers"), "no teacher proposes variants", "add `{kind: rules}`")


_SOLUTIONS = "has(self.supervision) && self.supervision.unit == 'solution'"


@check(
    CelRule(
        f"!({_SOLUTIONS}) || !has(self.reward) || self.reward.kind != 'prm'",
        "reward: needs steps, and `supervision.unit: solution` makes none; leave out `supervision.unit`",
    ),
    CelRule(
        f"!({_SOLUTIONS}) || !has(self.policy) || self.policy.algorithm != 'dpo' || ({_IN_ROUNDS})",
        "policy: needs steps, and `supervision.unit: solution` makes none; leave out `supervision.unit`",
    ),
    CelRule(
        f"!({_SOLUTIONS}) || self.supervision.teachers.all(t, t.kind != 'policy')",
        "supervision.teachers: the policy looks for wrong steps, and `unit: solution` has none; leave out"
        " `supervision.unit`",
    ),
)
def _steps_needed(spec: Spec) -> Iterator[SpecFinding]:
    """Supervision of whole solutions has programs, but neither steps nor pairs."""
    if spec.supervision is None or spec.supervision.unit != "solution":
        return
    remedy = "leave out `supervision.unit`"
    of_rows = spec.policy is not None and not spec.policy.learns_from_rollouts
    for name, needs in (("reward", spec.reward is not None and spec.reward.kind == "prm"), ("policy", of_rows)):
        if needs:
            yield SpecFinding((name,), "needs steps, and `supervision.unit: solution` makes none", remedy)
    for index, teacher in enumerate(spec.supervision.teachers):
        if teacher.kind == "policy":
            location = ("supervision", "teachers", index)
            yield SpecFinding(location, "looks for wrong steps, and `unit: solution` has none", remedy)


@check()  # in the CRD, `kind` is the key of the list
def _teachers_once(spec: Spec) -> Iterator[SpecFinding]:
    if spec.supervision is not None:
        yield from repeated(("supervision", "teachers"), [teacher.kind for teacher in spec.supervision.teachers])


@check(
    CelRule(
        "!has(self.reward) || has(self.reward.from) || self.reward.model != 'sft' || has(self.sft)",
        "reward.model: `sft` is not a stage of this spec; add `sft`, or start from `base`",
    )
)
def _reward_start(spec: Spec) -> Iterator[SpecFinding]:
    reward = spec.reward
    if reward is not None and reward.from_ is None and reward.model == "sft" and spec.sft is None:
        yield SpecFinding(("reward", "model"), "`sft` is not a stage of this spec", "add `sft`, or start from `base`")


@check(
    CelRule(
        "!has(self.policy) || has(self.policy.from) || self.policy.init != 'sft' || has(self.sft)",
        "policy.init: `sft` is not a stage of this spec; add `sft`, or start from `base`",
    )
)
def _policy_start(spec: Spec) -> Iterator[SpecFinding]:
    policy = spec.policy
    if policy is not None and policy.from_ is None and policy.init == "sft" and spec.sft is None:
        yield SpecFinding(("policy", "init"), "`sft` is not a stage of this spec", "add `sft`, or start from `base`")


@check(
    CelRule(
        "!has(self.policy) || has(self.policy.from) || !has(self.policy.dpo) || self.policy.dpo.origins.size() > 0",
        "policy.dpo.origins: no pair would be left; name at least one origin",
    )
)
def _some_origin(spec: Spec) -> Iterator[SpecFinding]:
    policy = spec.policy
    if policy is not None and policy.from_ is None and policy.dpo is not None and not policy.dpo.origins:
        yield SpecFinding(("policy", "dpo", "origins"), "no pair would be left", "name at least one origin")


_BUILT_FOR_POLICY = (
    "!has(self.policy) || has(self.policy.from) || !has(self.supervision) || has(self.supervision.from) || "
)


@check(
    CelRule(
        f"{_BUILT_FOR_POLICY}!has(self.policy.dpo) || ({_IN_ROUNDS}) || self.policy.dpo.origins.size() == 0"
        " || self.supervision.teachers.size() == 0 || self.supervision.teachers.exists(t,"
        " (t.kind == 'policy' ? 'policy' : 'mutation') in self.policy.dpo.origins)",
        "policy.dpo.origins: no teacher makes rejected steps of these origins; name one that the teachers make",
    )
)
def _origins_made(spec: Spec) -> Iterator[SpecFinding]:
    policy, made = spec.policy, _origins(spec)
    reads_pairs = policy is not None and policy.from_ is None and not policy.learns_from_rollouts
    origins = policy.dpo.origins if policy is not None and policy.dpo is not None and reads_pairs else ()
    if made and origins and not made & set(origins):
        what = f"no teacher makes rejected steps of {' or '.join(origins)}"
        yield SpecFinding(("policy", "dpo", "origins"), what, f"the teachers make: {', '.join(sorted(made))}")


@check(
    CelRule(
        f"{_BUILT_FOR_POLICY}self.policy.controls.all(c, c.kind != 'rft')"
        " || self.supervision.teachers.exists(t, t.kind == 'policy')",
        "policy.controls: rft needs programs that the policy wrote; add `{kind: policy}` to supervision.teachers",
    )
)
def _rft_programs(spec: Spec) -> Iterator[SpecFinding]:
    policy, supervision = spec.policy, spec.supervision
    if policy is None or policy.from_ is not None or supervision is None or supervision.from_ is not None:
        return
    for index, control in enumerate(policy.controls):
        if control.kind == "rft" and "policy" not in _origins(spec):
            remedy = "add `{kind: policy}` to supervision.teachers"
            yield SpecFinding(("policy", "controls", index), "rft needs programs that the policy wrote", remedy)


@check(
    CelRule(
        "!has(self.policy) || has(self.policy.from) || !has(self.policy.rl) || self.policy.algorithm != 'dpo'",
        "policy.rl: `algorithm: dpo` does not read it; remove it, or set algorithm to ppo",
    ),
    CelRule(
        "!has(self.policy) || has(self.policy.from) || !has(self.policy.dpo) || self.policy.algorithm == 'dpo'",
        "policy.dpo: the algorithm does not read it; remove it, or set algorithm to dpo",
    ),
)
def _policy_settings(spec: Spec) -> Iterator[SpecFinding]:
    for location, what, remedy in policy_contradictions(spec):
        yield SpecFinding(("policy", *location), what, remedy)


@check()  # in the CRD, `kind` is the key of the list
def _controls_once(spec: Spec) -> Iterator[SpecFinding]:
    if spec.policy is not None and spec.policy.from_ is None:
        yield from repeated(("policy", "controls"), [control.kind for control in spec.policy.controls])


def _origins(spec: Spec) -> set[str]:
    """Origins of the rejected steps that the run's own supervision makes; empty if the run does not build one."""
    if spec.supervision is None or spec.supervision.from_ is not None:
        return set()
    return {ORIGIN_BY_TEACHER[teacher.kind] for teacher in spec.supervision.teachers}
