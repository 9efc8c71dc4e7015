"""One training of one model: its name, its settings and its folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prlcoder.errors import InputError
from prlcoder.spec import Training

if TYPE_CHECKING:
    from prlcoder.stages.context import StageContext


@dataclass(frozen=True)
class Job:
    """Settings and folders of one training. ``work`` holds the checkpoints until the training has finished; the model
    folder is written to ``output``."""

    name: str
    section: Training
    seed: int
    work: Path
    output: Path
    report_to: tuple[str, ...]
    template: str

    @classmethod
    def of(cls, context: StageContext, name: str, section: Training, below: str = "") -> Job:
        """The job of a stage, or of a part of it whose files go ``below`` the stage's folders."""
        spec = context.spec
        work, output = context.work / "train" / below, context.output / below
        return cls(name, section, spec.seed, work, output, spec.tracking.report_to, spec.model.prompt_template)


def initial_model(context: StageContext, init: str) -> str:
    """Folder or hub id for ``base``, ``sft`` or a path; ``InputError`` for a stage that this run does not have."""
    if init == "base":
        return context.base_model()
    if init == "sft":
        if "sft" not in context.artifacts:
            raise InputError("start from sft: this run has no stage `sft`; add the section `sft`")
        return str(context.artifacts["sft"])
    return init
