"""A run's spec as the operator understands it: its stages, and the resolved manifest that its pods are given.

The manifest is frozen at the first look. What a later operator would resolve otherwise does not reach the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from prlcoder.errors import InputError
from prlcoder.operator.constants import API_VERSION, KIND, STORAGE_FOLDER
from prlcoder.operator.model_servers import STAGE as SERVED_STAGE
from prlcoder.operator.model_servers import ModelServer, model_servers, stage_folder
from prlcoder.operator.observed import ObservedRun
from prlcoder.operator.stage_options import needs_group
from prlcoder.runs.estimates.from_spec import estimates_from_spec
from prlcoder.runs.estimates.table import estimate_summary
from prlcoder.spec import manifest

NOT_SERVED: Final = (
    "serve.prm: the reward model is in an object store ({}), and the PRM service reads folders; keep the run in the "
    "chart's claim, or set this to false"
)


@dataclass(frozen=True)
class Resolved:
    """The stages in order, those that are ``given`` by the spec's ``from``, and the manifest; or why there are none.

    ``served`` is the folder of the reward model that is left serving. ``servers`` are those of reinforcement learning,
    in the trainer's pod or ``apart`` from it.
    """

    stages: tuple[str, ...] = ()
    given: frozenset[str] = frozenset()
    manifest: str = ""
    error: str | None = None
    served: str | None = None
    servers: tuple[ModelServer, ...] = ()
    apart: bool = False
    estimates: tuple[Mapping[str, Any], ...] = ()  # as `status.plan` holds them

    def in_group(self, stage: str, nodes: int) -> bool:
        """Whether a stage with so many nodes is one JobSet where the cluster has JobSets."""
        return needs_group(stage, nodes) or (stage == SERVED_STAGE and self.apart)


def resolve(run: ObservedRun, frozen: str | None) -> Resolved:
    """The run's spec, or its frozen manifest where there is one, checked as ``prlcoder validate`` checks it."""
    try:
        parsed = manifest.from_object(_document(run) if frozen is None else yaml.safe_load(frozen))
    except InputError as error:
        return Resolved(error=str(error))
    stages = tuple(parsed.stages())
    given = frozenset(stage for stage in stages if parsed.given(stage) is not None)
    served = stage_folder(parsed, "reward") if parsed.spec.serve.prm else None
    if served is not None and "://" in served:
        return Resolved(error=NOT_SERVED.format(served))
    try:
        servers = model_servers(parsed)
    except InputError as error:
        return Resolved(error=str(error))
    apart = bool(servers) and parsed.spec.servers == "separate"
    text = manifest.dump(parsed) if frozen is None else frozen
    to_run = (stage for stage in stages if stage not in given)
    known = tuple(map(estimate_summary, estimates_from_spec(parsed, to_run)))
    return Resolved(stages, given, text, served=served, servers=servers, apart=apart, estimates=known)


def _document(run: ObservedRun) -> dict[str, Any]:
    """The manifest that the user applied, with the chart's claim as its storage where it names none."""
    spec = dict(run.spec)
    storage = dict(spec.get("storage") or {})
    if storage.get("uri") is None:
        spec["storage"] = {**storage, "uri": STORAGE_FOLDER}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": run.name}, "spec": spec}
