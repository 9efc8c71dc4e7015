"""What a manifest's sections must not say together, beyond the type and bounds of each field. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from prlcoder.spec.document import FieldPath
from prlcoder.spec.evaluation import Benchmark
from prlcoder.spec.problems import Select
from prlcoder.spec.trainingrun import Spec, TrainingRun


@dataclass(frozen=True)
class SpecFinding:
    """Something wrong at ``location`` of the manifest, and what to do about it."""

    location: FieldPath
    what: str
    remedy: str = ""


def findings(run: TrainingRun) -> list[SpecFinding]:
    """All contradictions in ``run``, in the order of its fields."""
    checks = (_stages, _problems, _model, _supervision, _reward, _policy, _evaluation, _places)
    found = [finding for check in checks for finding in check(run.spec)]
    return [SpecFinding(("spec", *finding.location), finding.what, finding.remedy) for finding in found]


def _stages(spec: Spec) -> Iterator[SpecFinding]:
    sections = (spec.pretrain, spec.supervision, spec.sft, spec.reward, spec.policy, spec.evaluation)
    if not any(sections) and spec.model.scratch is None:
        yield SpecFinding((), "no stage to run", "add at least one of supervision, sft, reward, policy, evaluation")


def _problems(spec: Spec) -> Iterator[SpecFinding]:
    split = spec.problems.split
    if split.validation + split.test >= 1:
        what = f"validation {split.validation:g} and test {split.test:g} leave nothing to train on"
        yield SpecFinding(("problems", "split"), what, "their sum must stay below 1")


def _model(spec: Spec) -> Iterator[SpecFinding]:
    if spec.model.scratch is None and spec.pretrain is not None:
        yield SpecFinding(
            ("pretrain",), "only a model from scratch is pre-trained", "remove it, or give `model.scratch`"
        )
    if spec.model.scratch is not None and spec.model.prompt_template == "chat":
        remedy = "set it to nano or plain"
        yield SpecFinding(("model", "promptTemplate"), "a model from scratch has no chat template", remedy)


def _supervision(spec: Spec) -> Iterator[SpecFinding]:
    for name, stage in (("reward", spec.reward), ("policy", spec.policy)):
        if stage is not None and stage.from_ is None and spec.supervision is None:
            remedy = "add `supervision`, or `supervision: {from: FOLDER}` to take a finished one"
            yield SpecFinding((name,), "needs supervision and the spec has none", remedy)
    if spec.supervision is None:
        return
    if not spec.supervision.teachers and spec.supervision.from_ is None:
        yield SpecFinding(("supervision", "teachers"), "no teacher proposes variants", "add `{kind: rules}`")
    if spec.supervision.unit == "solution":
        yield from _solutions(spec, [teacher.kind for teacher in spec.supervision.teachers])
    yield from _repeated(("supervision", "teachers"), [teacher.kind for teacher in spec.supervision.teachers])


def _reward(spec: Spec) -> Iterator[SpecFinding]:
    reward = spec.reward
    if reward is not None and reward.from_ is None and reward.model == "sft" and spec.sft is None:
        yield SpecFinding(("reward", "model"), "`sft` is not a stage of this spec", "add `sft`, or start from `base`")


def _solutions(spec: Spec, teachers: list[str]) -> Iterator[SpecFinding]:
    """Supervision of whole solutions has programs, and neither steps nor pairs."""
    remedy = "leave out `supervision.unit`"
    for name, needs in (("reward", spec.reward and spec.reward.kind == "prm"), ("policy", spec.policy)):
        if needs:
            yield SpecFinding((name,), "needs steps, and `supervision.unit: solution` makes none", remedy)
    if "policy" in teachers:
        place = ("supervision", "teachers", teachers.index("policy"))
        yield SpecFinding(place, "looks for wrong steps, and `unit: solution` has none", remedy)


def _policy(spec: Spec) -> Iterator[SpecFinding]:
    policy = spec.policy
    if policy is None or policy.from_ is not None:
        return
    if policy.init == "sft" and spec.sft is None:
        yield SpecFinding(("policy", "init"), "`sft` is not a stage of this spec", "add `sft`, or start from `base`")
    origins = () if policy.dpo is None else policy.dpo.origins
    if policy.dpo is not None and not origins:
        yield SpecFinding(("policy", "dpo", "origins"), "no pair would be left", "name at least one origin")
    supervision = spec.supervision
    if supervision is not None and supervision.from_ is None:
        made = {"rules": "mutation", "llm": "mutation", "policy": "policy"}
        rejected = {made[teacher.kind] for teacher in supervision.teachers}
        if rejected and origins and not rejected & set(origins):
            what = f"no teacher makes rejected steps of {' or '.join(origins)}"
            yield SpecFinding(("policy", "dpo", "origins"), what, f"the teachers make: {', '.join(sorted(rejected))}")
        for index, control in enumerate(policy.controls):
            if control.kind == "rft" and "policy" not in rejected:
                remedy = "add `{kind: policy}` to supervision.teachers"
                yield SpecFinding(("policy", "controls", index), "rft needs programs that the policy wrote", remedy)
    yield from _repeated(("policy", "controls"), [control.kind for control in policy.controls])


def _evaluation(spec: Spec) -> Iterator[SpecFinding]:
    if spec.evaluation is None or spec.evaluation.from_ is not None:
        return
    benchmarks = spec.evaluation.benchmarks
    if not benchmarks:
        yield SpecFinding(("evaluation", "benchmarks"), "nothing to evaluate on", "add `{source: held-out}`")
    remedy = "give each a `name` of its own"
    yield from _repeated(("evaluation", "benchmarks"), [benchmark.title for benchmark in benchmarks], "name", remedy)
    for index, benchmark in enumerate(benchmarks):
        yield from _benchmark(("evaluation", "benchmarks", index), benchmark)
    if spec.problems.split.by == "published":
        return  # the data set says what is held out
    split = {
        "held-out": ("test", spec.problems.split.test),
        "validation": ("validation", spec.problems.split.validation),
    }
    for index, benchmark in enumerate(benchmarks):
        if benchmark.published:
            continue
        name, share = split[benchmark.source]
        if share == 0:
            remedy = f"set problems.split.{name} above 0"
            yield SpecFinding(("evaluation", "benchmarks", index, "source"), "the split has no such problems", remedy)


def _benchmark(location: FieldPath, benchmark: Benchmark) -> Iterator[SpecFinding]:
    if benchmark.published and benchmark.path is None:
        what = f"missing; {benchmark.source} is read from it"
        yield SpecFinding((*location, "path"), what, "give a file, folder, URI or hub id")
    if not benchmark.published:
        for field in ("path", "hub", "select"):
            if getattr(benchmark, field) == Benchmark.model_fields[field].default:
                continue  # a resolved manifest holds the defaults too
            yield SpecFinding(
                (*location, field), f"{benchmark.source} is a split of the run's own problems", "remove it"
            )
    elif benchmark.source != "livecodebench":
        for field, info in Select.model_fields.items():
            if field != "difficulty" and getattr(benchmark.select, field) != info.default:
                yield SpecFinding((*location, "select", field), f"{benchmark.source} has no {field}", "remove it")


def _places(spec: Spec) -> Iterator[SpecFinding]:
    """Folders must be on this machine: the local engine copies nothing over the network."""
    sections = ("pretrain", "supervision", "sft", "reward", "policy", "evaluation")
    given: list[tuple[FieldPath, str | None]] = [(("storage", "uri"), spec.storage.uri)]
    for name in sections:
        section = getattr(spec, name)
        given.append(((name, "from"), None if section is None else section.from_))
    for location, uri in given:
        if uri is not None and "://" in uri and not uri.startswith("file://"):
            yield SpecFinding(location, f"{uri} is not on this machine", "copy it here and give its folder")


def _repeated(
    location: FieldPath, values: list[str], field: str = "kind", remedy: str = "keep one of them"
) -> Iterator[SpecFinding]:
    for value, count in Counter(values).items():
        if count > 1:
            last = len(values) - 1 - values[::-1].index(value)
            yield SpecFinding((*location, last, field), f"`{value}` is given {count} times", remedy)
