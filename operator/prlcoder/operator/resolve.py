"""A run's spec as the operator understands it: its stages, and the resolved manifest that its pods are given.

The manifest is frozen at the first look. What a later operator would resolve otherwise does not reach the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import yaml

from prlcoder.errors import InputError
from prlcoder.operator.constants import API_VERSION, KIND, STORAGE_FOLDER
from prlcoder.operator.observed import ObservedRun
from prlcoder.spec import TrainingRun, manifest

NOT_SERVED: Final = (
    "serve.prm: the reward model is in an object store ({}), and the PRM service reads folders; keep the run in the "
    "chart's claim, or set this to false"
)


@dataclass(frozen=True)
class Resolved:
    """The stages in order, those that are ``given`` by the spec's ``from``, and the manifest; or why there are none.

    ``served`` is the folder of the reward model that is left serving.
    """

    stages: tuple[str, ...] = ()
    given: frozenset[str] = frozenset()
    manifest: str = ""
    error: str | None = None
    served: str | None = None


def resolve(run: ObservedRun, frozen: str | None) -> Resolved:
    """The run's spec, or its frozen manifest where there is one, checked as ``prlcoder validate`` checks it."""
    try:
        parsed = manifest.from_object(_document(run) if frozen is None else yaml.safe_load(frozen))
    except InputError as error:
        return Resolved(error=str(error))
    stages = tuple(parsed.stages())
    given = frozenset(stage for stage in stages if parsed.given(stage) is not None)
    served = _reward_folder(parsed) if parsed.spec.serve.prm else None
    if served is not None and "://" in served:
        return Resolved(error=NOT_SERVED.format(served))
    return Resolved(stages, given, manifest.dump(parsed) if frozen is None else frozen, served=served)


def _reward_folder(run: TrainingRun) -> str:
    """The folder of the run's reward model, or its URI. The operator needs no driver of an object store."""
    own = f"{run.spec.storage.uri or STORAGE_FOLDER}/{run.metadata.name}/reward"
    return (run.given("reward") or own).removeprefix("file://")


def _document(run: ObservedRun) -> dict[str, Any]:
    """The manifest that the user applied, with the chart's claim as its storage where it names none."""
    spec = dict(run.spec)
    storage = dict(spec.get("storage") or {})
    if storage.get("uri") is None:
        spec["storage"] = {**storage, "uri": STORAGE_FOLDER}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": run.name}, "spec": spec}
