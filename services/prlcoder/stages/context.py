"""The inputs of a stage. A stage is a function ``run(context) -> metrics`` in its own module.

Files that must survive a kill, such as checkpoints and finished shards, go to ``context.work``. Results go to
``context.output``, an empty folder that the engine publishes by renaming it once the function has returned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prlcoder.executor import ProgramRunner
from prlcoder.problems.model import Problem
from prlcoder.problems.prompts import ChatSettings, PromptTemplate
from prlcoder.spec import Spec
from prlcoder.stages.services import open_executor

Metrics = Mapping[str, float | int | str]
Shard = tuple[int, int]
"""The i-th of n shards, counted from 1: it takes the i-th of every n problems."""
WHOLE: Final[Shard] = (1, 1)


@dataclass(frozen=True)
class StageContext:
    """The inputs of one stage of one run."""

    spec: Spec
    work: Path
    """Private folder of the stage. It survives until the stage has finished, so that a resumed stage finds it again."""
    output: Path
    """Exists and is empty when the stage starts, also when it is resumed."""
    artifacts: Mapping[str, Path]
    """Published folder of each stage that this one reads, by stage name."""
    train: tuple[Problem, ...]
    validation: tuple[Problem, ...]
    test: tuple[Problem, ...]
    shard: Shard = WHOLE
    """Part of the problems that this process works on. A stage that is given a shard publishes nothing; the engine
    merges what all shards have left in their work folders."""

    def executor(self) -> AbstractContextManager[ProgramRunner]:
        """A sandbox with the run's settings, in this process or behind an address."""
        return open_executor(self.spec.services, self.spec.execution)

    def base_model(self) -> str:
        """Folder or hub id of the base policy: the result of ``pretrain``, or the spec's ``model.path``."""
        if "pretrain" in self.artifacts:
            return str(self.artifacts["pretrain"])
        location = self.spec.model.location
        assert (
            location is not None
        )  # by the spec's validator: without a path the model is from scratch, and pretrain has run
        return location

    @property
    def template(self) -> PromptTemplate:
        """The prompt template of the run."""
        return template_of(self.spec)


def template_of(spec: Spec) -> PromptTemplate:
    """The prompt template that a spec describes."""
    model = spec.model
    chat = ChatSettings(model.chat_template_arguments, model.system_message, model.date)
    return PromptTemplate(model.prompt_template, chat)


Stage = Callable[[StageContext], Metrics]
