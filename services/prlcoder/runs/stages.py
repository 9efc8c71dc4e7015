"""The stages of a run: which module runs each, which folder it fills, what it reads.

A module is imported only when its stage runs, so that nothing here needs torch.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prlcoder.errors import WorkError
from prlcoder.spec import Spec, TrainingRun

if TYPE_CHECKING:
    from prlcoder.stages.context import Stage


@dataclass(frozen=True)
class StageDefinition:
    """One stage. ``module`` has ``run(context)``; ``holds`` are the files by which its folder is recognised."""

    name: str
    module: str
    folder: str
    reads: tuple[str, ...]
    holds: tuple[str, ...]


_MODEL = ("config.json",)
DEFINITIONS = {
    stage.name: stage
    for stage in (
        StageDefinition("pretrain", "prlcoder.training.stages.pretrain", "pretrain", (), _MODEL),
        StageDefinition(
            "supervise", "prlcoder.supervision.stage", "supervision", ("pretrain",), ("manifest.json", "steps")
        ),
        StageDefinition("sft", "prlcoder.training.stages.sft", "sft", ("pretrain", "supervise"), _MODEL),
        StageDefinition(
            "reward", "prlcoder.training.stages.reward", "reward", ("pretrain", "supervise", "sft"), _MODEL
        ),
        StageDefinition(
            "policy", "prlcoder.training.stages.policy", "policy", ("pretrain", "supervise", "sft"), _MODEL
        ),
        StageDefinition(
            "evaluate",
            "prlcoder.evaluation.stage",
            "evaluation",
            ("pretrain", "supervise", "sft", "reward", "policy"),
            ("summary.json",),
        ),
    )
}
SECTIONS = {"supervise": "supervision", "evaluate": "evaluation"}  # where a section is not called as its stage


def stage_function(name: str, definitions: Mapping[str, StageDefinition]) -> Stage:
    """The function that runs stage ``name``; ``WorkError`` naming the package that it misses."""
    module = definitions[name].module
    try:
        function: Stage = importlib.import_module(module).run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("prlcoder"):
            raise
        remedy = "install the training extra: pip install 'prlcoder[train]'"
        raise WorkError(f"stage {name}: needs the package {error.name}, which is not installed; {remedy}") from None
    return function


def given_folder(name: str, spec: Spec) -> str | None:
    """What the spec's section of stage ``name`` says in ``from``: a folder that takes the place of running it."""
    section = getattr(spec, SECTIONS.get(name, name))
    uri: str | None = None if section is None else section.from_
    return uri


def reads(name: str, run: TrainingRun, definitions: Mapping[str, StageDefinition]) -> tuple[str, ...]:
    """Stages of this run whose folders stage ``name`` is given, and that must be finished before it."""
    starts = {
        "policy": run.spec.policy.init if run.spec.policy else None,
        "reward": run.spec.reward.model if run.spec.reward else None,
    }
    unread = {"sft"} if name in starts and starts[name] != "sft" else set()
    return tuple(stage for stage in definitions[name].reads if stage in run.stages() and stage not in unread)


def missing_in(folder: Path, definition: StageDefinition) -> str | None:
    """The first thing that a finished folder of this stage holds and ``folder`` does not; None if it looks right."""
    return next((name for name in definition.holds if not (folder / name).exists()), None)
