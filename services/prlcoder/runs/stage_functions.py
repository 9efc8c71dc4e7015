"""The functions that run the stages on this machine.

A module is imported only when its stage runs, so that nothing here needs torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from prlcoder.errors import WorkError

if TYPE_CHECKING:
    from prlcoder.stages.context import Stage

LOCAL_MODULES = {
    "pretrain": "prlcoder.training.stages.pretrain",
    "supervise": "prlcoder.supervision.stage",
    "sft": "prlcoder.training.stages.sft",
    "reward": "prlcoder.training.stages.reward",
    "policy": "prlcoder.training.stages.policy",
    "evaluate": "prlcoder.evaluation.stage",
}
"""Module of each stage; its function ``run(context)`` runs the stage."""


def stage_function(name: str) -> Stage:
    """The function that runs the stage ``name``. Raises ``WorkError`` naming a package that is not installed."""
    try:
        function: Stage = importlib.import_module(LOCAL_MODULES[name]).run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("prlcoder"):
            raise
        remedy = "install the training extra: pip install 'prlcoder[train]'"
        raise WorkError(f"stage {name}: needs the package {error.name}, which is not installed; {remedy}") from None
    return function
