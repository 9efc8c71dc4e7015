"""The ``TrainingRun``: its whole spec and the stages that follow from it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prlcoder.spec.cluster import ClusterFields
from prlcoder.spec.environment import ExecutionSettings, Services, Storage, Tracking
from prlcoder.spec.evaluation import Evaluation
from prlcoder.spec.model import Model
from prlcoder.spec.problems import Problems
from prlcoder.spec.section import DnsLabel, Section
from prlcoder.spec.stages import STAGES
from prlcoder.spec.supervision import Supervision
from prlcoder.spec.training import Policy, Pretrain, Reward, Sft
from prlcoder.storage import Location, location


class _EngineFields(Section):
    """The fields of the spec that both engines read."""

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


class Spec(ClusterFields, _EngineFields):
    """The spec of a TrainingRun. A section that is left out is a stage that is left out."""


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
        return [stage for stage in STAGES if self._has(stage)]

    def _has(self, stage: str) -> bool:
        if stage == "pretrain":  # its section is optional, and a model from scratch is always pretrained
            return self.spec.model.scratch is not None
        return getattr(self.spec, STAGES[stage].section) is not None

    def reads(self, stage: str) -> tuple[str, ...]:
        """Stages of this run whose folders ``stage`` is given; they must be finished before it starts."""
        starts = {
            "policy": self.spec.policy.init if self.spec.policy else None,
            "reward": self.spec.reward.model if self.spec.reward else None,
        }
        unread = {"sft"} if stage in starts and starts[stage] != "sft" else set()
        if stage == "policy" and not self._policy_reads_reward():
            unread.add("reward")
        present = self.stages()
        return tuple(other for other in STAGES[stage].reads if other in present and other not in unread)

    def _policy_reads_reward(self) -> bool:
        """Whether the policy is trained with the reward model's scores, or its value model starts from it."""
        rl = self.spec.policy.rl if self.spec.policy else None
        if rl is None:
            return False
        return rl.scores_steps or rl.scores_programs or (rl.value is not None and rl.value.init == "reward")

    def given(self, stage: str) -> str | None:
        """The `from` in the section of ``stage``: a finished folder that is used instead of running the stage."""
        section = getattr(self.spec, STAGES[stage].section)
        uri: str | None = None if section is None else section.from_
        return uri

    def folder(self) -> Location:
        """The run's folder: its name below the storage, which is ``./runs`` unless the spec names another one.

        Raises ``InputError`` if no driver for the storage's URI is installed.
        """
        return location(self.spec.storage.uri or "runs") / self.metadata.name
