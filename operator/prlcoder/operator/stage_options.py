"""What a run says about the pods of one stage (``spec.stages.<stage>``). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prlcoder.operator.api_objects import ApiObject


def needs_group(stage: str, nodes: int) -> bool:
    """Whether the pods of a stage work together, so that they start and restart together. Shards do not."""
    return nodes > 1 and stage != "supervise"


@dataclass(frozen=True)
class ServerOptions:
    """The container of a server of reinforcement learning."""

    resources: ApiObject | None = None
    env: tuple[ApiObject, ...] = ()
    args: tuple[str, ...] = ()

    @classmethod
    def read(cls, given: ApiObject) -> ServerOptions:
        """The options in ``stages.policy.servers.<name>`` as stored."""
        return cls(given.get("resources"), tuple(given.get("env") or ()), tuple(given.get("args") or ()))


@dataclass(frozen=True)
class StageOptions:
    """Kubernetes' own words, passed through as they are written."""

    nodes: int = 1
    resources: ApiObject | None = None
    env: tuple[ApiObject, ...] = ()
    node_selector: ApiObject | None = None
    tolerations: tuple[ApiObject, ...] = ()
    image_pull_secrets: tuple[ApiObject, ...] = ()
    resource_claims: tuple[ApiObject, ...] = ()
    servers: Mapping[str, ServerOptions] = field(default_factory=dict)  # by name

    @classmethod
    def read(cls, spec: ApiObject, stage: str) -> StageOptions:
        """The options of ``stage`` in a run's spec as stored; the API server has checked their form."""
        given = (spec.get("stages") or {}).get(stage) or {}

        def listed(field: str) -> tuple[ApiObject, ...]:
            return tuple(given.get(field) or ())

        return cls(
            nodes=given.get("nodes") or 1,
            resources=given.get("resources"),
            env=listed("env"),
            node_selector=given.get("nodeSelector"),
            tolerations=listed("tolerations"),
            image_pull_secrets=listed("imagePullSecrets"),
            resource_claims=listed("resourceClaims"),
            servers={name: ServerOptions.read(one or {}) for name, one in (given.get("servers") or {}).items()},
        )
