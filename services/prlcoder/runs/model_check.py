"""The check of a run's base model, on the problems that the run will train on and evaluate.

``prlcoder run`` makes it before its first stage; ``prlcoder plan`` and ``prlcoder validate --model`` make it alone.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from prlcoder.evaluation.problem_sets import published_problems
from prlcoder.problems.model import Problem
from prlcoder.runs.load_problems import SplitProblems, load_problems
from prlcoder.spec import PolicyTeacher, Spec
from prlcoder.stages.context import template_of

if TYPE_CHECKING:
    from prlcoder.modeling.model_check import ModelFacts


def uses_model(spec: Spec) -> bool:
    """Whether a stage of this spec loads the model of ``model.path``."""
    teachers = () if spec.supervision is None or spec.supervision.from_ else spec.supervision.teachers
    stages = (spec.sft, spec.reward, spec.policy, spec.evaluation)
    loads = any(stage is not None and stage.from_ is None for stage in stages)
    return spec.model.path is not None and (loads or any(isinstance(one, PolicyTeacher) for one in teachers))


def check_run_model(spec: Spec, problems: SplitProblems) -> ModelFacts | None:
    """The facts of the run's base model, or None if no stage loads one. ``InputError`` if it cannot be used."""
    if not uses_model(spec):
        return None
    allow_remote_code(spec)
    from prlcoder.modeling.model_check import check_model

    location = spec.model.location
    assert location is not None  # uses_model
    return check_model(
        location,
        template=template_of(spec),
        problem_sets=_problem_sets(spec, problems),
        reward=spec.reward is not None and spec.reward.from_ is None,
        target_modules=(spec.model.peft and spec.model.peft.target_modules) or (),
    )


def check_spec_model(spec: Spec) -> ModelFacts | None:
    """``check_run_model`` without a run folder: the problems are read, and nothing is written."""
    if not uses_model(spec):
        return None
    with TemporaryDirectory(prefix="prlcoder-") as scratch:
        problems = load_problems(spec, Path(scratch) / "splits.json", Path(scratch) / "quarantine.jsonl")
    return check_run_model(spec, problems)


def allow_remote_code(spec: Spec) -> None:
    """Pass ``model.trustRemoteCode`` on to everything in this process and its children that loads models."""
    from prlcoder.modeling.model_source import TRUST_VARIABLE

    if spec.model.trust_remote_code:
        os.environ[TRUST_VARIABLE] = "1"


def _problem_sets(spec: Spec, problems: SplitProblems) -> dict[str, tuple[Problem, ...]]:
    """The problems by what they are for: the training problems, and every benchmark by its title."""
    sets = {"problems": problems.train}
    evaluation = spec.evaluation
    if evaluation is None or evaluation.from_ is not None:
        return sets
    for benchmark in evaluation.benchmarks:
        own = problems.test if benchmark.source == "held-out" else problems.validation
        sets[f"benchmark {benchmark.title}"] = published_problems(benchmark, spec) if benchmark.published else own
    return sets
