"""The check of a run's models, on the problems that the run will train on and evaluate.

``prlcoder run`` makes it before its first stage; ``prlcoder plan`` and ``prlcoder validate --model`` make it alone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Literal

from prlcoder.errors import InputError
from prlcoder.evaluation.problem_sets import published_problems
from prlcoder.problems.model import Problem
from prlcoder.runs.load_problems import SplitProblems, load_problems
from prlcoder.spec import PolicyTeacher, Spec
from prlcoder.stages.context import template_of

if TYPE_CHECKING:
    from prlcoder.modeling.model_check import ModelFacts


STAGE_MODELS: Final = ("base", "sft")  # names for models of the run itself in `reward.model` and `policy.init`


def uses_model(spec: Spec) -> bool:
    """Whether a stage of this spec loads the model of ``model.path``."""
    teachers = () if spec.supervision is None or spec.supervision.from_ else spec.supervision.teachers
    stages = (spec.sft, spec.reward, spec.policy, spec.evaluation)
    loads = any(stage is not None and stage.from_ is None for stage in stages)
    return spec.model.path is not None and (loads or any(isinstance(one, PolicyTeacher) for one in teachers))


def check_run_models(spec: Spec, problems: SplitProblems) -> ModelFacts | None:
    """The facts of the run's base model, or None if no stage loads one.

    Raises ``InputError`` if this model, or another one that the spec names by its folder or hub id, cannot be used.
    """
    allow_remote_code(spec)
    for named in named_models(spec):
        try:
            named.check(spec, problems)
        except InputError as error:
            raise InputError(f"spec.{named.field}: {error}") from None
    return _check_base(spec, problems) if uses_model(spec) else None


@dataclass(frozen=True)
class NamedModel:
    """A model that the spec names beside ``model.path``: the field, its folder or hub id, and what it is used as."""

    field: str
    path: str
    use: Literal["policy", "reward base", "prm", "orm"]

    def check(self, spec: Spec, problems: SplitProblems) -> None:
        """Raises ``InputError`` if the model cannot be used."""
        from prlcoder.modeling.model_check import check_model, check_reward_base, check_reward_model
        from prlcoder.modeling.reward_record import require_kind

        if self.use == "policy":
            check_model(self.path, template=template_of(spec), problem_sets=_problem_sets(spec, problems))
        elif self.use == "reward base":
            check_reward_base(self.path, template=template_of(spec), problem_sets={"problems": problems.train})
        else:
            check_reward_model(self.path)
            require_kind(self.path, self.use, f"spec.{self.field}")


def named_models(spec: Spec) -> list[NamedModel]:
    """The models beside ``model.path`` that the run loads. Folders in object stores are left out."""
    found: list[NamedModel] = []
    if spec.reward is not None:
        if spec.reward.from_ is not None:
            found.append(NamedModel("reward.from", spec.reward.from_, spec.reward.kind))
        elif spec.reward.model not in STAGE_MODELS:
            found.append(NamedModel("reward.model", spec.reward.model, "reward base"))
    if spec.pretrain is not None and spec.pretrain.from_ is not None:
        found.append(NamedModel("pretrain.from", spec.pretrain.from_, "policy"))
    if spec.sft is not None and spec.sft.from_ is not None:
        found.append(NamedModel("sft.from", spec.sft.from_, "policy"))
    if spec.policy is not None:
        if spec.policy.from_ is not None:
            found.append(NamedModel("policy.from", spec.policy.from_, "policy"))
        elif spec.policy.init not in STAGE_MODELS:
            found.append(NamedModel("policy.init", spec.policy.init, "policy"))
    evaluation = spec.evaluation
    if evaluation is not None and evaluation.from_ is None and evaluation.outcome_model is not None:
        found.append(NamedModel("evaluation.outcomeModel", evaluation.outcome_model, "orm"))
    return [replace(one, path=str(Path(one.path).expanduser())) for one in found if "://" not in one.path]


def _check_base(spec: Spec, problems: SplitProblems) -> ModelFacts:
    from prlcoder.modeling.model_check import check_model

    location = spec.model.location
    assert location is not None  # uses_model
    return check_model(
        location,
        template=template_of(spec),
        problem_sets=_problem_sets(spec, problems),
        sft=spec.sft is not None and spec.sft.from_ is None,
        reward=spec.reward is not None and spec.reward.from_ is None,
        target_modules=(spec.model.peft and spec.model.peft.target_modules) or (),
    )


def check_spec_models(spec: Spec) -> ModelFacts | None:
    """``check_run_models`` without a run folder: the problems are read, and nothing is written."""
    if not uses_model(spec) and not named_models(spec):
        return None
    with TemporaryDirectory(prefix="prlcoder-") as scratch:
        problems = load_problems(spec, Path(scratch) / "splits.json", Path(scratch) / "quarantine.jsonl")
    return check_run_models(spec, problems)


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
