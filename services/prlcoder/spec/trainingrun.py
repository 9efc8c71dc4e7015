"""The ``TrainingRun``: its whole spec and the stages that follow from it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from prlcoder.spec.base import DnsLabel, Section
from prlcoder.spec.environment import ExecutionSettings, Services, Storage, Tracking
from prlcoder.spec.evaluation import Evaluation
from prlcoder.spec.model import Model
from prlcoder.spec.problems import Problems
from prlcoder.spec.supervision import Supervision
from prlcoder.spec.training import Policy, Pretrain, Reward, Sft

STAGES = ("pretrain", "supervise", "sft", "reward", "policy", "evaluate")


class Spec(Section):
    """The spec of a TrainingRun. A section that is left out is a stage that is left out."""

    seed: int = 0
    """Seed of everything that is drawn at random."""
    model: Model
    """The policy's base."""
    problems: Problems
    """Where problems come from, and which of them the run uses."""
    segmentation: Literal["line", "block"] = "block"
    """Size of a segment: one logical line, or one block."""
    execution: ExecutionSettings = ExecutionSettings()
    """The sandbox that every stage of the run uses."""
    pretrain: Pretrain | None = None
    """Training of a model from scratch; it runs whenever `model.scratch` is given."""
    supervision: Supervision | None = None
    """How the process-supervised data set is built."""
    sft: Sft | None = None
    """Supervised fine-tuning on canonical solutions."""
    reward: Reward | None = None
    """Training of the reward model."""
    policy: Policy | None = None
    """Improvement of the policy."""
    evaluation: Evaluation | None = None
    """What is measured at the end, for the base model and every trained policy."""
    services: Services = Services()
    """Addresses of services that do the work."""
    storage: Storage = Storage()
    """Where run folders are kept."""
    tracking: Tracking = Tracking()
    """Experiment trackers."""


class Metadata(Section):
    """Name and labels of the run."""

    name: DnsLabel
    """Name of the run: a DNS label, because it also names Kubernetes objects."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels of the Kubernetes object; the local engine ignores them."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Annotations of the Kubernetes object; the local engine ignores them."""


class TrainingRun(Section):
    """The whole manifest."""

    api_version: Literal["prlcoder.dev/v1alpha1"]
    """Version of this API."""
    kind: Literal["TrainingRun"]
    """Kind of the Kubernetes object."""
    metadata: Metadata
    """Name and labels of the run."""
    spec: Spec
    """What to train, and how."""

    def stages(self) -> list[str]:
        """Names of the stages of this run, in order."""
        spec = self.spec
        present: dict[str, Any] = {
            "pretrain": spec.model.scratch,
            "supervise": spec.supervision,
            "sft": spec.sft,
            "reward": spec.reward,
            "policy": spec.policy,
            "evaluate": spec.evaluation,
        }
        return [stage for stage in STAGES if present[stage] is not None]
