"""The ``supervise`` stage of a run: the training problems, the spec's teachers, the base policy where one teaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from prlcoder.executor import ResourceLimits
from prlcoder.modeling.spans import check_template
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import render
from prlcoder.spec import LlmTeacher, PolicyTeacher, RulesTeacher
from prlcoder.stages.context import WHOLE, Metrics, StageContext
from prlcoder.stages.models import open_engine
from prlcoder.stages.services import segmenter
from prlcoder.supervision import store
from prlcoder.supervision.build import PolicyFor, Settings, build
from prlcoder.supervision.merging import merge
from prlcoder.supervision.policy_teacher import PolicySource
from prlcoder.supervision.statistics import render as render_counts
from prlcoder.supervision.teachers import described, proposing

BUILD: Final = "build"  # below the work folder


def run(context: StageContext) -> Metrics:
    """Build the supervision in the work folder, where a killed stage resumes, then publish it."""
    spec = context.spec
    assert spec.supervision is not None  # the engine runs only the stages that the spec has
    limits = ResourceLimits(
        cpu_s=spec.execution.cpu_limit,
        wall_s=spec.execution.wall_limit,
        memory_mib=spec.execution.memory_limit,
    )
    settings = Settings(
        mode=spec.segmentation,
        seed=spec.seed,
        labels=spec.supervision.labels,
        unit=spec.supervision.unit,
        use_generated=spec.supervision.use_generated,
        pairs_per_segment=spec.supervision.pairs_per_segment,
        shard=context.shard,
        limits=limits,
        described=[describe(teacher, context) for teacher in spec.supervision.teachers],
    )
    teachers = proposing(spec.supervision.teachers, spec.services, seed=spec.seed, folder=context.work / BUILD)
    policy = next((teacher for teacher in spec.supervision.teachers if isinstance(teacher, PolicyTeacher)), None)
    with context.executor() as executor:
        manifest, _ = build(
            lambda: iter(context.train),
            context.work / BUILD,
            settings,
            teachers=teachers,
            executor=executor,
            policy=_policy_source(context, policy) if policy else None,
            segmenter=segmenter(spec.services),
        )
    print(render_counts(manifest["counts"]))
    if context.shard == WHOLE:
        store.publish(context.work / BUILD, context.output)
    return metrics_of(manifest)


def merge_shards(folders: Sequence[Path], scratch: Path, output: Path) -> Metrics:
    """Publish in ``output`` what the shards have left in their work ``folders``, as one build would have published it.

    ``scratch`` is a folder that does not exist yet.
    """
    manifest = merge([folder / BUILD for folder in folders], scratch)
    print(render_counts(manifest["counts"]))
    store.publish(scratch, output)
    return metrics_of(manifest)


def shard_finished(folder: Path) -> bool:
    """Whether the shard with this work folder has been built."""
    return (folder / BUILD / store.MANIFEST).exists()


def metrics_of(manifest: Mapping[str, Any]) -> Metrics:
    """The figures of a supervision that a run records."""
    counts = manifest["counts"]
    names = ("problems", "steps", "pairs", "executions", "quarantined")
    return {
        "content_hash": manifest["content_hash"],
        **{name: counts[name] for name in names if name in counts},
    }


def describe(teacher: RulesTeacher | LlmTeacher | PolicyTeacher, context: StageContext) -> dict[str, Any]:
    """Return the teacher as plain values; for the policy teacher these include the model."""
    values = described(teacher)
    if isinstance(teacher, PolicyTeacher):
        values["model"] = context.spec.model.path or "pretrain"
    return values


def _policy_source(context: StageContext, settings: PolicyTeacher) -> PolicyFor:
    """Return a function that loads the base policy on first use, because a resumed build may not need it."""
    engine: Any = None
    template = context.template

    def source(problems: list[Problem]) -> PolicySource:
        nonlocal engine
        if engine is None:
            evaluation = context.spec.evaluation
            engine = open_engine(
                context.spec.services,
                context.base_model(),
                max_new_tokens=evaluation.max_new_tokens if evaluation else 512,
            )
        prompts = {problem.id: render(problem, template, engine.tokenizer) for problem in problems}
        solved = [problem for problem in problems if problem.solutions]
        check_template(
            engine.tokenizer, template.name, [prompts[one.id] for one in solved], [one.canonical for one in solved]
        )
        stops = {*settings.stop, *(prompt.closing for prompt in prompts.values() if prompt.closing)}
        return PolicySource(engine, prompts, template, tuple(sorted(stops)), settings)

    return source
