"""The few things that the operator does to a cluster. Each is safe to repeat."""

from __future__ import annotations

from dataclasses import dataclass

from prlcoder.operator.api_objects import NewObject


@dataclass(frozen=True)
class CreateConfigMap:
    """Create the run's frozen manifest; that it exists already is success."""

    manifest: NewObject


@dataclass(frozen=True)
class CreateJob:
    """Create a stage's Job; that it exists already is success, whoever owns it: the next plan looks at the owner."""

    manifest: NewObject

    @property
    def name(self) -> str:
        """The Job's name."""
        return str(self.manifest["metadata"]["name"])


@dataclass(frozen=True)
class CreateService:
    """Create the Service of a stage with several nodes; that it exists already is success."""

    manifest: NewObject


@dataclass(frozen=True)
class CreateJobSet:
    """Create the JobSet of a stage with several nodes, as ``CreateJob`` creates a Job."""

    manifest: NewObject

    @property
    def name(self) -> str:
        """The JobSet's name."""
        return str(self.manifest["metadata"]["name"])


@dataclass(frozen=True)
class SuspendJob:
    """Set ``spec.suspend`` of the Job, or the JobSet, with this name and UID."""

    name: str
    uid: str
    suspend: bool
    grouped: bool = False


@dataclass(frozen=True)
class ServeModel:
    """Create the Deployment and the Service of a reward model, or change those of the run before."""

    deployment: NewObject
    service: NewObject


@dataclass(frozen=True)
class DeleteRun:
    """Delete the run with this UID, and with it all its children."""

    uid: str


ClusterAction = CreateConfigMap | CreateService | CreateJob | CreateJobSet | SuspendJob | ServeModel | DeleteRun
