"""The checks across the fields of a manifest, beyond the type and the bounds of each field. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from prlcoder.spec import cluster_checks, evaluation_checks, stage_checks
from prlcoder.spec.check_registry import SpecCheck, SpecFinding
from prlcoder.spec.cluster import ClusterFields
from prlcoder.spec.trainingrun import TrainingRun

CHECKS: tuple[SpecCheck, ...] = (*stage_checks.CHECKS, *evaluation_checks.CHECKS, *cluster_checks.CHECKS)
"""The checks of both engines."""


def findings(run: TrainingRun) -> list[SpecFinding]:
    """All contradictions in ``run``, in the order of ``CHECKS``."""
    return _below_spec(finding for check in CHECKS for finding in check.find(run.spec))


def ignored_locally(run: TrainingRun) -> list[str]:
    """The fields that ``run`` sets for clusters and the local engine ignores, such as ``spec.suspend``."""
    given, default = run.spec, ClusterFields()
    return [
        f"spec.{info.alias}"
        for name, info in ClusterFields.model_fields.items()
        if getattr(given, name) != getattr(default, name)
    ]


def _below_spec(found: Iterator[SpecFinding]) -> list[SpecFinding]:
    return [SpecFinding(("spec", *finding.location), finding.what, finding.remedy) for finding in found]
