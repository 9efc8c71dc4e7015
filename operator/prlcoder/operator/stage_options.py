"""What a run says about the pods of one stage (``spec.stages.<stage>``). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True)
class StageOptions:
    """Kubernetes' own words, passed through as they are written."""

    nodes: int = 1
    resources: Document | None = None
    env: tuple[Document, ...] = ()
    node_selector: Document | None = None
    tolerations: tuple[Document, ...] = ()
    image_pull_secrets: tuple[Document, ...] = ()
    resource_claims: tuple[Document, ...] = ()

    @classmethod
    def read(cls, spec: Document, stage: str) -> StageOptions:
        """The options of ``stage`` in a run's spec as stored; the API server has checked their form."""
        given = (spec.get("stages") or {}).get(stage) or {}

        def listed(field: str) -> tuple[Document, ...]:
            return tuple(given.get(field) or ())

        return cls(
            nodes=given.get("nodes") or 1,
            resources=given.get("resources"),
            env=listed("env"),
            node_selector=given.get("nodeSelector"),
            tolerations=listed("tolerations"),
            image_pull_secrets=listed("imagePullSecrets"),
            resource_claims=listed("resourceClaims"),
        )
