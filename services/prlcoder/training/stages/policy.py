"""Stage `policy`: the improved policy in the stage's folder, and its controls in ``controls/<kind>`` below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prlcoder.spec import Policy
from prlcoder.training.algorithms import ALGORITHMS
from prlcoder.training.algorithms.start import PolicyStart
from prlcoder.training.loop.job import Job

if TYPE_CHECKING:
    from prlcoder.stages.context import Metrics, StageContext


def run(context: StageContext) -> Metrics:
    """Train the policy by the spec's algorithm, then each control from the same start; publish all of them."""
    section = context.spec.policy or Policy()
    start = PolicyStart.of(context, section)
    metrics = dict(ALGORITHMS[section.algorithm].train(Job.of(context, "policy", section), start))
    for control in section.controls:
        job = Job.of(context, f"policy-{control.kind}", control, below=f"controls/{control.kind}")
        found = ALGORITHMS[control.kind].train(job, start)
        metrics |= {f"{control.kind}_{name}": value for name, value in found.items()}
    return metrics
