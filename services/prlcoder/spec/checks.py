"""Checks across the fields of a manifest, beyond the type and the bounds of each field. Pure.

A check is a function that is registered by ``@check(...)``. Where CEL can make the same check, the decorator also gives
the rules, so that the Kubernetes API server refuses what ``prlcoder validate`` refuses. The operator makes the other
checks before it creates the first Job.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prlcoder.spec.cluster import ClusterFields
from prlcoder.spec.document import FieldPath
from prlcoder.spec.evaluation import Benchmark
from prlcoder.spec.problems import Select
from prlcoder.spec.rl_checks import policy_contradictions
from prlcoder.spec.section import CelRule
from prlcoder.spec.servers import gpus, needed_servers, server_container
from prlcoder.spec.trainingrun import Spec, TrainingRun

ORIGIN_BY_TEACHER = {"rules": "mutation", "llm": "mutation", "policy": "policy"}
"""Origin of the rejected steps that each teacher makes."""


@dataclass(frozen=True)
class SpecFinding:
    """A mistake at ``location`` of the manifest, and what to do about it."""

    location: FieldPath
    what: str
    remedy: str = ""


@dataclass(frozen=True)
class SpecCheck:
    """A check, and the rules by which the API server makes it too; ``at`` is their section below ``spec``."""

    find: Callable[[Spec], Iterator[SpecFinding]]
    at: tuple[str, ...]
    rules: tuple[CelRule, ...]


CHECKS: list[SpecCheck] = []
"""The checks of both engines, in the order of the fields."""

Finder = Callable[[Spec], Iterator[SpecFinding]]


def check(*rules: CelRule, at: tuple[str, ...] = ()) -> Callable[[Finder], Finder]:
    """Register a check. In ``rules``, ``self`` is the section at ``at`` below the spec."""

    def register(find: Finder) -> Finder:
        CHECKS.append(SpecCheck(find, at, rules))
        return find

    return register


def findings(run: TrainingRun) -> list[SpecFinding]:
    """All contradictions in ``run``, in the order of its fields."""
    return _below_spec(finding for check in CHECKS for finding in check.find(run.spec))


def ignored_locally(run: TrainingRun) -> list[str]:
    """The fields that ``run`` sets for clusters and the local engine ignores, such as ``spec.suspend``."""
    given, default = run.spec, ClusterFields()
    return [
        f"spec.{info.alias}"
        for name, info in ClusterFields.model_fields.items()
        if getattr(given, name) != getattr(default, name)
    ]


def _below_spec(found: Iterator[SpecFinding]) -> list[SpecFinding]:
    return [SpecFinding(("spec", *finding.location), finding.what, finding.remedy) for finding in found]


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


@check(
    CelRule(
        "!has(self.serve) || !self.serve.prm || (has(self.reward) && self.reward.kind == 'prm')",
        "serve.prm: there is no process reward model to serve; add `reward` with `kind: prm`, or set this to false",
    )
)
def _served_model(spec: Spec) -> Iterator[SpecFinding]:
    if spec.serve.prm and (spec.reward is None or spec.reward.kind != "prm"):
        remedy = "add `reward` with `kind: prm`, or set this to false"
        yield SpecFinding(("serve", "prm"), "there is no process reward model to serve", remedy)


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
        yield from _repeated(("supervision", "teachers"), [teacher.kind for teacher in spec.supervision.teachers])


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
        yield from _repeated(("policy", "controls"), [control.kind for control in spec.policy.controls])


_EVALUATED = "!has(self.evaluation) || has(self.evaluation.from) || "
_PUBLISHED_SPLIT = (
    "(has(self.problems.split.by) ? self.problems.split.by == 'published' : self.problems.source == 'nano')"
)


@check(
    CelRule(
        f"{_EVALUATED}self.evaluation.benchmarks.size() > 0",
        "evaluation.benchmarks: nothing to evaluate on; add `{source: held-out}`",
    )
)
def _some_benchmark(spec: Spec) -> Iterator[SpecFinding]:
    if spec.evaluation is not None and spec.evaluation.from_ is None and not spec.evaluation.benchmarks:
        yield SpecFinding(("evaluation", "benchmarks"), "nothing to evaluate on", "add `{source: held-out}`")


_TITLES = "self.evaluation.benchmarks.{}(b, (has(b.name) ? b.name : b.source) == (has(a.name) ? a.name : a.source))"


@check(
    CelRule(
        f"{_EVALUATED}self.evaluation.benchmarks.all(a, {_TITLES.format('exists_one')})",
        "evaluation.benchmarks: two have the same name; give each its own `name`",
    )
)
def _benchmarks_once(spec: Spec) -> Iterator[SpecFinding]:
    titles = [benchmark.title for _, benchmark in _benchmarks(spec)]
    yield from _repeated(("evaluation", "benchmarks"), titles, "name", "give each its own `name`")


@check(
    CelRule(
        f"{_EVALUATED}self.evaluation.benchmarks.all(b, b.source in ['held-out', 'validation'] || has(b.path))",
        "evaluation.benchmarks: a published benchmark needs `path`; give a file, folder, URI or hub id",
    ),
    CelRule(
        f"{_EVALUATED}self.evaluation.benchmarks.all(b, !(b.source in ['held-out', 'validation']) || !has(b.path))",
        "evaluation.benchmarks: held-out and validation are splits of the run's own problems; remove `path`",
    ),
)
def _benchmark_fields(spec: Spec) -> Iterator[SpecFinding]:
    for index, benchmark in _benchmarks(spec):
        yield from _fields_of(("evaluation", "benchmarks", index), benchmark)


@check(
    CelRule(
        f"{_EVALUATED}{_PUBLISHED_SPLIT}"
        " || self.evaluation.benchmarks.all(b, (b.source != 'held-out' || self.problems.split.test > 0.0)"
        " && (b.source != 'validation' || self.problems.split.validation > 0.0))",
        "evaluation.benchmarks: the split has no such problems; set problems.split.test or .validation above 0",
    )
)
def _benchmark_splits(spec: Spec) -> Iterator[SpecFinding]:
    split = spec.problems.split
    if split.by == "published":
        return  # the data set decides what is held out
    shares = {"held-out": ("test", split.test), "validation": ("validation", split.validation)}
    for index, benchmark in _benchmarks(spec):
        name, share = shares.get(benchmark.source, ("", 1.0))
        if share == 0:
            remedy = f"set problems.split.{name} above 0"
            yield SpecFinding(("evaluation", "benchmarks", index, "source"), "the split has no such problems", remedy)


@check(
    CelRule(
        f"{_EVALUATED}!has(self.evaluation.outcomeModel) || self.evaluation.bestOfN",
        "evaluation.outcomeModel: has no effect with `bestOfN: false`; remove one of them",
    ),
    CelRule(
        f"{_EVALUATED}!has(self.evaluation.outcomeModel) || !has(self.reward) || self.reward.kind != 'orm'",
        "evaluation.outcomeModel: the run's own reward model is an outcome reward model; remove one of them",
    ),
)
def _outcome_model(spec: Spec) -> Iterator[SpecFinding]:
    evaluation = spec.evaluation
    if evaluation is None or evaluation.from_ is not None or evaluation.outcome_model is None:
        return
    location, remedy = ("evaluation", "outcomeModel"), "remove one of them"
    if not evaluation.best_of_n:
        yield SpecFinding(location, "has no effect with `bestOfN: false`", remedy)
    if spec.reward is not None and spec.reward.kind == "orm":
        yield SpecFinding(location, "the run's own reward model is an outcome reward model", remedy)


@check(
    CelRule(
        "!has(self.evaluate) || self.evaluate.nodes == 1",
        "evaluate.nodes: the stage evaluate runs in one pod; set it to 1",
    ),
    at=("stages",),
)
def _evaluate_in_one_pod(spec: Spec) -> Iterator[SpecFinding]:
    if spec.stages.of("evaluate").nodes > 1:
        yield SpecFinding(("stages", "evaluate", "nodes"), "the stage evaluate runs in one pod", "set it to 1")


@check()
def _server_resources(spec: Spec) -> Iterator[SpecFinding]:
    """A server without a word about its resources would compute on CPUs beside a trainer that has GPUs."""
    for name in needed_servers(spec) if gpus(spec.stages.of("policy").resources) else ():
        given = server_container(spec.stages, name).resources
        if not (given.requests or given.limits or given.claims):
            what = f"missing; the trainer has GPUs, and without any of its own the {name} server computes on CPUs"
            remedy = (
                "give it GPUs (`limits: {nvidia.com/gpu: 1}`), or the CPUs that it shall use (`requests: {cpu: 8}`)"
            )
            yield SpecFinding(("stages", "policy", "servers", name, "resources"), what, remedy)


def _origins(spec: Spec) -> set[str]:
    """Origins of the rejected steps that the run's own supervision makes; empty if the run does not build one."""
    if spec.supervision is None or spec.supervision.from_ is not None:
        return set()
    return {ORIGIN_BY_TEACHER[teacher.kind] for teacher in spec.supervision.teachers}


def _benchmarks(spec: Spec) -> list[tuple[int, Benchmark]]:
    """The benchmarks that this run evaluates, with their indices."""
    if spec.evaluation is None or spec.evaluation.from_ is not None:
        return []
    return list(enumerate(spec.evaluation.benchmarks))


def _fields_of(location: FieldPath, benchmark: Benchmark) -> Iterator[SpecFinding]:
    """The fields of a benchmark that its source needs or cannot have."""
    if benchmark.published and benchmark.path is None:
        what = f"missing; {benchmark.source} is read from it"
        yield SpecFinding((*location, "path"), what, "give a file, folder, URI or hub id")
    if not benchmark.published:
        for field in ("path", "hub", "select"):
            if getattr(benchmark, field) != Benchmark.model_fields[field].default:
                what = f"{benchmark.source} is a split of the run's own problems"
                yield SpecFinding((*location, field), what, "remove it")
    elif benchmark.source != "livecodebench":
        for field, info in Select.model_fields.items():
            if field != "difficulty" and getattr(benchmark.select, field) != info.default:
                yield SpecFinding((*location, "select", field), f"{benchmark.source} has no {field}", "remove it")


def _repeated(
    location: FieldPath, values: list[str], field: str = "kind", remedy: str = "keep one of them"
) -> Iterator[SpecFinding]:
    for value, count in Counter(values).items():
        if count > 1:
            last = len(values) - 1 - values[::-1].index(value)
            yield SpecFinding((*location, last, field), f"`{value}` is given {count} times", remedy)
