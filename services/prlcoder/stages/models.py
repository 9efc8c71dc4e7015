"""Opens the models of a run, its policies and its reward model, in this process or behind an address of the spec."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prlcoder.spec import Services
from prlcoder.stages.services import address

if TYPE_CHECKING:
    from prlcoder.policy.protocol import Generator
    from prlcoder.prm.protocol import StepScorer


def open_engine(services: Services, model: str, *, batch_size: int = 128, max_new_tokens: int = 512) -> Generator:
    """The policy ``model``, a folder or hub id. A service first switches to it, so it must see the folder."""
    remote = address(services, "policy")
    if remote is not None:
        from prlcoder.stages.remote_engine import RemoteEngine

        return RemoteEngine(remote, _absolute(model), max_new_tokens=max_new_tokens)
    from prlcoder.policy.transformers_engine import TransformersEngine

    return TransformersEngine(model, batch_size=batch_size, max_new_tokens=max_new_tokens)


def open_scorer(services: Services, model: str) -> StepScorer:
    """The reward model ``model``, a folder or hub id. A service first switches to it."""
    remote = address(services, "prm")
    if remote is not None:
        from prlcoder.stages.remote_scorer import RemoteScorer

        return RemoteScorer(remote, _absolute(model))
    from prlcoder.prm.scoring import LocalStepScorer

    return LocalStepScorer(model)


def _absolute(model: str) -> str:
    """The absolute path of a folder, so that another process of this machine finds it; a hub id unchanged."""
    return str(Path(model).resolve()) if Path(model).is_dir() else model
