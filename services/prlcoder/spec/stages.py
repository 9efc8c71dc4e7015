"""The stages of a run as both engines know them: section of the spec, folder, what a stage reads and what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True)
class StageDefinition:
    """One stage. A finished folder of the stage is recognised by the files in ``holds``, of which ``|`` separates
    alternatives."""

    name: str
    section: str
    folder: str
    reads: tuple[str, ...]
    holds: tuple[str, ...]


_MODEL = ("config.json|adapter_config.json",)  # a whole model, or an adapter for one
_TRAINED = ("pretrain", "supervise", "sft")
STAGES: Final = MappingProxyType(
    {
        stage.name: stage
        for stage in (
            StageDefinition("pretrain", "pretrain", "pretrain", (), _MODEL),
            StageDefinition("supervise", "supervision", "supervision", ("pretrain",), ("manifest.json", "steps")),
            StageDefinition("sft", "sft", "sft", ("pretrain", "supervise"), _MODEL),
            StageDefinition("reward", "reward", "reward", _TRAINED, _MODEL),
            StageDefinition("policy", "policy", "policy", (*_TRAINED, "reward"), _MODEL),
            StageDefinition("evaluate", "evaluation", "evaluation", (*_TRAINED, "reward", "policy"), ("summary.json",)),
        )
    }
)
"""All stages in the order in which they run."""
