"""The fields of the spec that describe pods, Jobs and queues. Only the cluster engine reads them.

The local engine accepts these fields, so that one manifest works on both engines, and names those that it ignores.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from prlcoder.spec.section import CelRule, Count, Section, VariableName, unique_by

LabelValue = Annotated[str, Field(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$")]
ObjectName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]
ResourceQuantity = Annotated[int | str, Field(union_mode="left_to_right")]
Seconds = Annotated[int, Field(ge=0)]


class ResourceClaimName(Section):
    """A claim of the pod that the container uses."""

    name: ObjectName
    """Name of an entry of `resourceClaims`."""
    request: str | None = None
    """Request within the claim; none means all of them."""


class Resources(Section):
    """Resources of the stage's container, as in a pod."""

    requests: dict[str, ResourceQuantity] = Field(default_factory=dict)
    """Resources that the scheduler reserves, such as `cpu: 4` or `memory: 16Gi`."""
    limits: dict[str, ResourceQuantity] = Field(default_factory=dict)
    """Resources that the container may not exceed, such as `nvidia.com/gpu: 1`."""
    claims: Annotated[tuple[ResourceClaimName, ...], Field(json_schema_extra=unique_by("name"))] = ()
    """Claims of `resourceClaims` that the container uses."""


class KeyReference(Section):
    """A key of a Secret or ConfigMap in the run's namespace."""

    name: ObjectName
    """Name of the object."""
    key: Annotated[str, Field(min_length=1, max_length=253)]
    """Key whose value is used."""
    optional: bool = False
    """Leaves the variable unset when the object or the key is missing."""


class ValueSource(Section):
    """Where the value of a variable comes from. Exactly one source is given."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule(
            "has(self.secretKeyRef) != has(self.configMapKeyRef)",
            "give exactly one of `secretKeyRef` and `configMapKeyRef`",
        ),
    )

    secret_key_ref: KeyReference | None = None
    """A key of a Secret."""
    config_map_key_ref: KeyReference | None = None
    """A key of a ConfigMap."""

    @model_validator(mode="after")
    def _check_source(self) -> ValueSource:
        if (self.secret_key_ref is None) == (self.config_map_key_ref is None):
            raise ValueError("give exactly one of `secretKeyRef` and `configMapKeyRef`")
        return self


class Variable(Section):
    """An environment variable of the stage's container."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule("!has(self.value) || !has(self.valueFrom)", "give only one of `value` and `valueFrom`"),
    )

    name: VariableName
    """Name of the variable, such as `HF_TOKEN`."""
    value: str | None = None
    """Its value. Secret values belong into `valueFrom`."""
    value_from: ValueSource | None = None
    """Source of its value, instead of `value`."""

    @model_validator(mode="after")
    def _check_value(self) -> Variable:
        if self.value is not None and self.value_from is not None:
            raise ValueError("give only one of `value` and `valueFrom`")
        return self


class Toleration(Section):
    """A toleration of the stage's pods, as in a pod."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule("has(self.key) || self.operator == 'Exists'", "key: is missing; give it, or set `operator: Exists`"),
        CelRule("!has(self.value) || self.operator == 'Equal'", "value: `operator: Exists` takes none; remove it"),
    )

    key: str | None = None
    """Key of the taint; none tolerates every key and needs `operator: Exists`."""
    operator: Literal["Exists", "Equal"] = "Equal"
    """`Exists` tolerates every value of the taint."""
    value: str | None = None
    """Value of the taint."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint; none tolerates every effect."""
    toleration_seconds: Seconds | None = None
    """Seconds that the pod stays on a node with a `NoExecute` taint; none means for ever."""

    @model_validator(mode="after")
    def _check_operator(self) -> Toleration:
        if self.key is None and self.operator == "Equal":
            raise ValueError("`key` is missing; give it, or set `operator: Exists`")
        if self.value is not None and self.operator == "Exists":
            raise ValueError("`operator: Exists` takes no `value`; remove it")
        return self


class PullSecret(Section):
    """A Secret with the credentials of an image registry."""

    name: ObjectName
    """Name of the Secret."""


class ResourceClaim(Section):
    """A claim for devices that the stage's pods make (dynamic resource allocation)."""

    cel_rules: ClassVar[tuple[CelRule, ...]] = (
        CelRule(
            "has(self.resourceClaimName) != has(self.resourceClaimTemplateName)",
            "give exactly one of `resourceClaimName` and `resourceClaimTemplateName`",
        ),
    )

    name: ObjectName
    """Name by which `resources.claims` refers to it."""
    resource_claim_name: ObjectName | None = None
    """Name of an existing ResourceClaim."""
    resource_claim_template_name: ObjectName | None = None
    """Name of the ResourceClaimTemplate from which each pod gets its own claim."""

    @model_validator(mode="after")
    def _check_claim(self) -> ResourceClaim:
        if (self.resource_claim_name is None) == (self.resource_claim_template_name is None):
            raise ValueError("give exactly one of `resourceClaimName` and `resourceClaimTemplateName`")
        return self


class StagePods(Section):
    """Pods of one stage."""

    nodes: Count = 1
    """Number of pods. Those of a training stage train together under `torchrun`; those of `supervise` build one shard
    each."""
    resources: Resources = Resources()
    """Resources of the stage's container."""
    env: Annotated[tuple[Variable, ...], Field(json_schema_extra=unique_by("name"))] = ()
    """Environment variables of the stage's container."""
    node_selector: dict[str, LabelValue] = Field(default_factory=dict)
    """Labels of the nodes on which the pods may run."""
    tolerations: tuple[Toleration, ...] = ()
    """Taints that the pods tolerate."""
    image_pull_secrets: Annotated[tuple[PullSecret, ...], Field(json_schema_extra=unique_by("name"))] = ()
    """Secrets with the credentials of image registries."""
    resource_claims: Annotated[tuple[ResourceClaim, ...], Field(json_schema_extra=unique_by("name"))] = ()
    """Claims for devices that the pods make."""

    @field_validator("env", "image_pull_secrets", "resource_claims")
    @classmethod
    def _check_names(cls, value: tuple[Variable | PullSecret | ResourceClaim, ...]) -> Any:
        return _once(value)


def _once(value: tuple[Variable | PullSecret | ResourceClaim, ...]) -> Any:
    """The items, of which no two may have the same name."""
    for name, count in Counter(item.name for item in value).items():
        if count > 1:
            raise ValueError(f"`{name}` is given {count} times; keep one of them")
    return value


class ServerContainer(Section):
    """Container of a server of reinforcement learning."""

    resources: Resources = Resources()
    """Resources of the server's container. Without a GPU of its own a server computes on CPUs."""
    env: Annotated[tuple[Variable, ...], Field(json_schema_extra=unique_by("name"))] = ()
    """Environment variables of the server's container, besides those of the stage, which they replace."""
    args: tuple[str, ...] = ()
    """More arguments of `prlcoder serve prm` or `prlcoder serve policy`, such as `[--gpu-memory, "0.5"]`."""

    @field_validator("env")
    @classmethod
    def _check_names(cls, value: tuple[Variable, ...]) -> Any:
        return _once(value)


class RlServers(Section):
    """Servers of reinforcement learning beside the trainer. `servers` says whether they share its pod."""

    prm: ServerContainer = ServerContainer()
    """Server of the run's reward model, for `ppo`, `rloo` and `grpo` whose rewards need one."""
    policy: ServerContainer = ServerContainer()
    """Server that samples with the policy's weights, for `policy.rl.engine.kind: vllm`."""


class PolicyPods(StagePods):
    """Pods of the stage `policy`."""

    servers: RlServers = RlServers()
    """Servers of reinforcement learning beside the trainer."""


class StagesPods(Section):
    """Pods of each stage. A stage that is left out has one pod with the resources that the chart sets."""

    pretrain: StagePods | None = None
    """Pods of the stage `pretrain`."""
    supervise: StagePods | None = None
    """Pods of the stage `supervise`."""
    sft: StagePods | None = None
    """Pods of the stage `sft`."""
    reward: StagePods | None = None
    """Pods of the stage `reward`."""
    policy: PolicyPods | None = None
    """Pods of the stage `policy`, and the servers beside its trainer."""
    evaluate: StagePods | None = None
    """Pods of the stage `evaluate`."""

    def of(self, stage: str) -> StagePods:
        """The pods of ``stage``, with the defaults where the spec says nothing."""
        pods: StagePods | None = getattr(self, stage)
        return pods or StagePods()


class Serve(Section):
    """Models that a finished run leaves serving on a cluster."""

    prm: bool = False
    """Serves the run's reward model, in a Deployment and a Service `prlcoder-served-prm` of the run's namespace. The
    next run that serves its own replaces it. Its pod has the resources that `stages` gives to `evaluate`."""


class ClusterFields(Section):
    """The fields of the spec that only the cluster engine reads."""

    stages: StagesPods = StagesPods()
    """Pods of each stage. The local engine ignores this field."""
    servers: Literal["sidecar", "separate"] = "sidecar"
    """Where the PRM and policy servers of reinforcement learning run: in the trainer's pod, or in pods of their own.
    The local engine ignores this field."""
    serve: Serve = Serve()
    """Models that the finished run leaves serving. The local engine ignores this field."""
    suspend: bool = False
    """Stops the run's pods after they have saved, until it is false again. The local engine ignores this field."""
    backoff_limit: Annotated[int, Field(ge=0)] = 3
    """Number of crashes of a stage before the run fails; disruptions are not counted. The local engine ignores this
    field."""
    active_deadline_seconds: Count | None = None
    """Seconds after which a run that has started fails; time in suspension is not counted. The local engine ignores
    this field."""
    start_deadline_seconds: Count | None = None
    """Seconds that a stage may wait for its first running pod before the run fails. The local engine ignores this
    field."""
    progress_deadline_seconds: Seconds = 1800
    """Seconds without a new step after which a stage is restarted once; the second time it fails. 0 turns this off. The
    local engine ignores this field."""
    ttl_seconds_after_finished: Seconds | None = None
    """Seconds after its end until the run's Jobs and pods are deleted; none keeps them. Results and logs stay in the
    storage. The local engine ignores this field."""
    queue_name: ObjectName | None = None
    """Local queue of Kueue in which the run's Jobs wait. The local engine ignores this field."""
    priority_class_name: ObjectName | None = None
    """Priority class of the pods, or Kueue's workload priority class when `queueName` is given. The local engine
    ignores this field."""
    managed_by: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """Controller that executes the run; none means PRLCoder's operator. The local engine ignores this field."""
