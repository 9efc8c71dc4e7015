"""One training of one model: its name, its settings and its folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prlcoder.errors import InputError
from prlcoder.problems.prompts import PromptTemplate
from prlcoder.spec import Peft, Training

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
    template: PromptTemplate
    dtype: str = "auto"  # of the written weights, as ``model.dtype``
    attention: str = "sdpa"  # on tries, as ``model.attention``
    peft: Peft | None = None  # None: all weights are trained

    @property
    def publishes_adapter(self) -> bool:
        """Whether ``output`` receives an adapter instead of a whole model."""
        return self.peft is not None and not self.peft.merge

    @classmethod
    def of(cls, context: StageContext, name: str, section: Training, below: str = "") -> Job:
        """The job of a stage, or of a part of it whose files go ``below`` the stage's folders."""
        spec = context.spec
        return cls(
            name=name,
            section=section,
            seed=spec.seed,
            work=context.work / "train" / below,
            output=context.output / below,
            report_to=spec.tracking.report_to,
            template=context.template,
            dtype=spec.model.dtype,
            attention=spec.model.attention,
            peft=None if name == "pretrain" else spec.model.peft,  # random weights must be trained as a whole
        )


def initial_model(context: StageContext, init: str) -> str:
    """Folder or hub id for ``base``, ``sft`` or a path; ``InputError`` for a stage that this run does not have."""
    if init == "base":
        return context.base_model()
    if init == "sft":
        if "sft" not in context.artifacts:
            raise InputError("start from sft: this run has no stage `sft`; add the section `sft`")
        return str(context.artifacts["sft"])
    return init
