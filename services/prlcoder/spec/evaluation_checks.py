"""Checks of what a run evaluates. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from prlcoder.spec.check_registry import SpecCheck, SpecFinding, registrar, repeated
from prlcoder.spec.document import FieldPath
from prlcoder.spec.evaluation import Benchmark
from prlcoder.spec.problems import Select
from prlcoder.spec.section import CelRule
from prlcoder.spec.trainingrun import Spec

CHECKS: list[SpecCheck] = []
check = registrar(CHECKS)


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
    yield from repeated(("evaluation", "benchmarks"), titles, "name", "give each its own `name`")


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
