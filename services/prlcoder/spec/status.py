"""The status of a TrainingRun on a cluster, as its CRD describes it. The operator writes it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from prlcoder.spec.section import Section, unique_by

ShortText = Annotated[str, Field(max_length=256)]
Message = Annotated[str, Field(max_length=1024)]
Number = Annotated[int, Field(ge=0)]


class RunCondition(Section):
    """A condition, by the conventions of the Kubernetes API."""

    type: Literal["Complete", "Failed", "Suspended", "Stalled", "Degraded"]
    """What the condition says about the run."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, Field(min_length=1, max_length=256)]
    """Reason for the status, one word; docs/kubernetes.md explains each."""
    message: Message = ""
    """The reason as a sentence, with what to do about it."""
    observed_generation: Number = 0
    """Generation of the spec that the condition describes."""
    last_transition_time: datetime
    """Time at which `status` last changed."""


class Restart(Section):
    """Restarts of a stage for one reason."""

    reason: ShortText
    """Why the stage was restarted."""
    count: Number
    """How often."""


class Metric(Section):
    """A metric of a stage. Its value is text, because Kubernetes types have no portable floating-point numbers."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    """Name of the metric."""
    value: Annotated[str, Field(max_length=64)]
    """Value of the metric."""


class StageSummary(Section):
    """The progress of one stage."""

    name: Literal["pretrain", "supervise", "sft", "reward", "policy", "evaluate"]
    """Name of the stage."""
    state: ShortText
    """State of the stage, such as `Running` or `Done`."""
    reason: ShortText | None = None
    """Why the stage waits or has failed."""
    message: Message | None = None
    """The reason as a sentence."""
    step: ShortText | None = None
    """Step and number of steps, as `120/600`."""
    checkpoint: ShortText | None = None
    """Newest complete checkpoint."""
    restarts: Annotated[tuple[Restart, ...], Field(json_schema_extra=unique_by("reason"))] = ()
    """Restarts by reason."""
    counted_pods: Annotated[tuple[ShortText, ...], Field(max_length=256)] = ()
    """UIDs of ended pods that `restarts` counts and that still exist, so that each is counted once."""
    metrics: Annotated[tuple[Metric, ...], Field(json_schema_extra=unique_by("name"))] = ()
    """Metrics of the stage."""
    start_time: datetime | None = None
    """Time at which the stage started."""
    completion_time: datetime | None = None
    """Time at which the stage ended."""


class StagePlan(Section):
    """What a stage will need, as text. A figure that is missing does not apply."""

    name: Literal["pretrain", "supervise", "sft", "reward", "policy", "evaluate"]
    """Name of the stage."""
    memory: ShortText | None = None
    """Memory of its process."""
    gpu_memory: ShortText | None = None
    """Memory on the GPU."""
    gpus: ShortText | None = None
    """GPUs that fit, or that its pods request."""
    tokens_read: ShortText | None = None
    """Tokens that it trains on or scores."""
    tokens_written: ShortText | None = None
    """Tokens that it samples."""
    disk: ShortText | None = None
    """Size of its files."""
    time: ShortText | None = None
    """How long it takes."""
    cost: ShortText | None = None
    """Cost of the language-model teacher, in the unit of the manifest's prices."""
    how: Annotated[tuple[Message, ...], Field(max_length=8)] = ()
    """How each figure was obtained, or why it is unknown."""


class RunStatus(Section):
    """The progress of the run. Its conditions are the truth; `phase` and the fields beside it are for display only."""

    observed_generation: Number = 0
    """Generation of the spec that this status describes."""
    phase: ShortText | None = None
    """Summary of the conditions, for display only."""
    stage: ShortText | None = None
    """Stage that runs or waits."""
    step: ShortText | None = None
    """Step and number of steps of that stage, as `120/600`."""
    eta: ShortText | None = None
    """Estimated time left, as `1h20m`."""
    reason: ShortText | None = None
    """Why the run waits or has failed."""
    restarts: Number = 0
    """Number of restarts of all stages."""
    conditions: Annotated[tuple[RunCondition, ...], Field(json_schema_extra=unique_by("type"))] = ()
    """Conditions of the run."""
    stages: Annotated[tuple[StageSummary, ...], Field(json_schema_extra=unique_by("name"))] = ()
    """Progress of each stage."""
    plan: Annotated[tuple[StagePlan, ...], Field(json_schema_extra=unique_by("name"))] = ()
    """What each stage will need: bounds from the spec, and estimates once a stage runs (docs/planning.md)."""
    results: Annotated[tuple[Metric, ...], Field(json_schema_extra=unique_by("name"))] = ()
    """Results of the evaluation."""
